"""``sightline errors``."""

import json
from pathlib import Path
from typing import Any

import click

SHOWN = 10
"""Rows of each list that are printed."""
_TITLES = {"worst": "answered worst", "least_sure": "least sure", "mislabelled": "likely mislabelled"}


@click.command("errors")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--part", metavar="PART", help="train, val or test.  [default: test; val where there is none]")
@click.option("--most", type=int, default=50, show_default=True, help="Entries of each list at most.")
@click.option("--out", type=click.Path(path_type=Path), help="CSV file for the lists.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(run: Path, part: str | None, most: int, out: Path | None, as_json: bool) -> None:
    """List the images of RUN to look at: answered worst, least sure, likely mislabelled.

    RUN may be the folder of a cross-validation: then every image of the data set is asked about.

    \b
    sightline errors runs/first --out errors.csv
    sightline errors runs/001-photos-folds
    """
    from sightline.workflow.mistakes import find_errors  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    lists = find_errors(run, part=part, most=most, out=out, say=Say())
    if as_json:
        click.echo(json.dumps(lists, ensure_ascii=False))
        return
    _show(lists)
    if out is not None:
        click.echo(f"lists: {out}", err=True)
    else:
        click.echo("next: look at them; --out FILE writes the lists as CSV", err=True)


def _show(lists: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(soft_wrap=False)
    click.echo(f"{lists['n']} images, part {lists['part']}")
    for name, title in _TITLES.items():
        own = lists[name]
        if "absent" in own:
            click.echo(f"{title}: none, {own['absent']}")
            continue
        if not own["images"]:
            click.echo(f"{title}: none")
            continue
        counted = f", {own['count']} in all" if name != "least_sure" else ""
        click.echo(f"{title}{counted} ({own['score']})")
        table = Table("image", "truth", "answer", "score", "", header_style="bold")
        for one in own["images"][:SHOWN]:
            cells = (one["path"], one["truth"], one["answer"], f"{one['score']:.4g}", one["note"])
            table.add_row(*(cell.replace("[", "\\[") for cell in cells))
        console.print(table)
