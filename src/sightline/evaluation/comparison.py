"""The comparison of several runs on one page that needs nothing else."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sightline.evaluation.page.compared import compared, figures_section, headline, pairs_section
from sightline.evaluation.page.shell import brand, contents, document
from sightline.evaluation.page.side_by_side import costs_section, curves_section, settings_section
from sightline.evaluation.page.stated import Stated, source
from sightline.evaluation.page.verdict import verdict_html
from sightline.files import whole_file, write_json


def write_comparison(
    path: Path,
    found: dict[str, Any],
    records: Mapping[str, Sequence[dict[str, Any]]],
    settings: Mapping[str, Mapping[str, Any]],
) -> Path:
    """Write the page, and beside it the figures it is made of, under the same name with ``.json``.

    Args:
        path: of the page.
        found: what ``compare_runs`` gives.
        records: of each run; may be empty.
        settings: of each run, by dotted name.

    Returns:
        The path of the page.

    Raises:
        RunError: one of them cannot be written.
    """
    figures = path.with_suffix(".json")
    stated = Stated(figures.name, found)
    sections = figures_section(stated) + pairs_section(stated) + costs_section(stated)
    sections += curves_section(records) + settings_section(settings)
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    names = [row["run"] for row in found["runs"]]
    head = brand(f"{len(names)} runs compared", day) + headline(stated) + verdict_html(compared(stated))
    page = f'<main><header class="top">{head}{source(figures.name)}</header>{contents(sections)}{sections}</main>'
    write_json(figures, found)
    with whole_file(path, "w") as file:
        file.write(document(f"{' · '.join(names)} · Sightline", page))
    return path
