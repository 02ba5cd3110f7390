"""The report about a split, for the record: as JSON for programs or as Markdown for people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightline.data.samples import PARTS
from sightline.data.split.mix import Mix
from sightline.errors import ConfigError
from sightline.files import sha256_of, whole_file

FORMS = (".json", ".md")
"""Endings of a report; they say how it is written."""


def require_known_form(path: Path | None) -> None:
    """Refuse an ending that no form belongs to, before anything is read.

    Raises:
        ConfigError: names the endings.
    """
    if path is not None and path.suffix.lower() not in FORMS:
        raise ConfigError(
            "the ending of the report says how to write it", where="--report", got=path.name, allowed=FORMS
        )


def write_report(path: Path, about: Mapping[str, Any], files: Mapping[Path, Mix]) -> None:
    """Write what was done.

    Args:
        path: ends in ``.json`` or ``.md``.
        about: settings, groups and copies.
        files: the split files as they lie on disk, each with its class mix.
    """
    document = {
        **about,
        "files": [
            {
                "file": str(file),
                "sha256": sha256_of(file),
                "parts": dict(zip(PARTS, mix.counts.sum(axis=0).tolist(), strict=True)),
                "classes": mix.by_class(),
                "off_by_points": {name: round(off, 3) for name, off in zip(mix.classes, mix.off.tolist(), strict=True)},
            }
            for file, mix in files.items()
        ],
    }
    if path.suffix.lower() == ".json":
        text = json.dumps(document, indent=2, ensure_ascii=False)
    else:
        text = "\n".join(_markdown(document, files))
    with whole_file(path) as out:
        # Names that are no UTF-8 are written with escapes, which JSON readers understand, too.
        out.write(f"{text}\n".encode("utf-8", "backslashreplace"))


def _markdown(document: Mapping[str, Any], files: Mapping[Path, Mix]) -> list[str]:
    groups, copies, torn = document["groups"], document["copies"], document["across_given_parts"]
    lines = [f"# Split of {document['data']}", "", f"{document['images']} images.", "", "## Settings", ""]
    lines += _table(
        [["setting", "value"], *([key, f"`{json.dumps(value)}`"] for key, value in document["settings"].items())]
    )
    lines += ["", "## Kept together", ""]
    if groups:
        lines += [f"{len(groups)} groups, the largest of them:", ""]
        largest = sorted(groups.items(), key=lambda item: (-item[1], item[0]))[:20]
        lines += _table([["group", "images"], *([name, str(count)] for name, count in largest)])
    else:
        lines.append("No groups.")
    lines += ["", f"{len(copies)} pictures with copies, {sum(map(len, copies))} images in all.", ""]
    lines += [f"- {', '.join(members)}" for members in copies]
    if torn:
        lines += ["", "Across the parts that the data set gives, and left there:", ""]
        lines += [f"- {', '.join(members)}" for members in torn]
    for entry, mix in zip(document["files"], files.values(), strict=True):
        lines += ["", f"## {Path(entry['file']).name}", "", f"SHA-256 `{entry['sha256']}`", "", *_table(mix.rows())]
    return [
        *lines,
        "",
        "Shares are of the column; `off by` is the largest difference of a share from that of all, in points.",
    ]


def _table(rows: list[list[str]]) -> list[str]:
    escaped = [[word.replace("|", "\\|") for word in row] for row in rows]
    head, *body = ["| " + " | ".join(row) + " |" for row in escaped]
    return [head, "|" + " --- |" * len(rows[0]), *body]
