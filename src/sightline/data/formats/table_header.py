"""The first line of a table: which column holds what."""

import csv
from pathlib import Path

from sightline.data.formats.target_columns import key_of
from sightline.data.wanted import ONE_CLASS, Wanted
from sightline.errors import DataError, did_you_mean

COLUMNS = {
    "path": ("path", "image_id", "filename"),
    "label": ("label", "class", "target"),
    "split": ("split", "part"),
    "group": ("group",),
    "weight": ("weight",),
    "time": ("time", "timestamp", "date"),
    "sha256": ("sha256",),
}
"""Names of the columns, in any case; of several for the same thing the first in this order is read."""
DELIMITERS = (",", ";", "\t")
"""Characters that may stand between the fields; the header tells which."""


def is_table(path: Path, wanted: Wanted = ONE_CLASS) -> bool:
    """Whether a file is a CSV with a path column and what is wanted."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = _fields(file.readline(), wanted)[1]
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return {"path", *_needed(wanted)} <= set(found)


def _needed(wanted: Wanted) -> list[str]:
    return [key_of(name) for name in wanted.columns] or ["label"]


def header_of(line: str, path: Path, wanted: Wanted) -> tuple[str, dict[str, int], list[str]]:
    """Delimiter, place of each column that is known, and the names of all columns."""
    delimiter, found, names = _fields(line, wanted)
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise DataError(f"{path.name} names a column twice", where=str(path), got=", ".join(repeated))
    for needed in ("path", *_needed(wanted)):
        if needed not in found:
            own = needed.removeprefix("target ") if needed not in COLUMNS else ""
            raise DataError(
                f"{path.name} has no column '{own}'" if own else f"{path.name} has no {needed} column",
                where=f"{path}, data.targets" if own else str(path),
                got=f"columns {', '.join(names)}" if any(names) else "no header",
                allowed=() if own else COLUMNS[needed],
                hint=did_you_mean(own, names) if own else "name the columns in the first line",
            )
    absent = [name for name in wanted.by if by_key(name) not in found]
    if absent:
        raise DataError(
            f"{path.name} has no column '{absent[0]}'", where=f"{path}, evaluation.groups",
            got=f"columns {', '.join(names)}", hint=did_you_mean(absent[0], names),
        )  # fmt: skip
    return delimiter, found, names


def by_key(column: str) -> str:
    """How the rows name a column that tells samples apart, whatever else it may be."""
    return f"by {column.strip().lower()}"


def _fields(line: str, wanted: Wanted) -> tuple[str, dict[str, int], list[str]]:
    """The delimiter that makes most of a header, the place of each column that is known, and all names."""
    best: tuple[str, dict[str, int], list[str]] = (",", {}, [])
    for delimiter in DELIMITERS:
        names = [
            name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        ]
        found = {
            key: names.index(next(word for word in words if word in names))
            for key, words in COLUMNS.items()
            if set(words) & set(names)
        }
        own = {key_of(name): names.index(name.strip().lower()) for name in wanted.columns
               if name.strip().lower() in names}  # fmt: skip
        # A column that is learnt is nothing else: the weight of an animal is not that of its picture.
        found = {key: place for key, place in found.items() if place not in own.values()} | own
        found |= {
            by_key(name): names.index(name.strip().lower()) for name in wanted.by if name.strip().lower() in names
        }
        if (len(found), len(names)) > (len(best[1]), len(best[2])):
            best = (delimiter, found, names)
    return best
