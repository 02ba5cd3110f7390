"""All figures of an evaluation in one flat table, for spreadsheets."""

import csv
from pathlib import Path
from typing import Any

from sightline.files import whole_file

HEAD = ("part", "section", "name", "figure", "value", "low", "high", "n")
Row = tuple[Any, ...]


def write_flat(figures: dict[str, Any], path: Path) -> None:
    """Write every figure as a CSV with the columns of ``HEAD``: one row a figure.

    ``section`` is ``all``, ``class`` (or ``number``), ``own``, ``calibration``, or the column of a group; ``name`` is
    the class or the group; ``n`` counts its images. A figure that is not defined has no value.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    with whole_file(path, "w") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(HEAD)
        rows.writerows((figures["part"], *row) for row in _flat(figures))


def _flat(figures: dict[str, Any]) -> list[Row]:
    n = figures["n"]
    found = _rows("all", "", {key: value for key, value in figures.items() if key != "confidence"}, n)
    found += _rows("all", "", {f"top_{k}": one for k, one in figures.get("top_k", {}).items()}, n)
    found += _rows("all", "baseline", figures["baseline"], n)
    for row in figures.get("per_class", ()):
        found += _rows("class", row["class"], row, row["support"])
    for row in figures.get("per_target", ()):
        found += _rows("number", row["target"], row, n)
    found += _rows("own", "", figures.get("own", {}), n)
    calibration, abstention = figures.get("calibration", {}), figures.get("abstention", {})
    errors = {key: calibration[key]["value"] for key in ("ece", "ece_mass") if key in calibration}
    found += _rows("calibration", "", errors | {key: abstention.get(key) for key in ("aurc", "excess_aurc")}, n)
    judged = figures["slices"]["judged"] if "slices" in figures else ""
    for part in ("groups", "slices"):
        for row in figures.get(part, {}).get("rows", ()):
            found += _rows(row["column"], row["group"], {**row["figures"], f"gap in {judged}": row["gap"]}, row["n"])
    return found


def _rows(section: str, name: str, values: dict[str, Any], n: int) -> list[Row]:
    """The rows of those values that are numbers, or figures with an interval."""
    rows: list[Row] = []
    undefined = values.get("why") if isinstance(values.get("why"), dict) else {}
    for key, value in values.items():
        if isinstance(value, dict) and "low" in value:
            rows.append((section, name, key, value["value"], value["low"], value["high"], n))
        elif isinstance(value, float) or key in (undefined or {}):
            rows.append((section, name, key, value, None, None, n))
    return rows
