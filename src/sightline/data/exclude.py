"""Leave out the images that a table names, such as the quarantine that ``check`` writes."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sightline.data.samples import Samples
from sightline.data.split import written
from sightline.errors import DataError, shortened
from sightline.files import whole_file
from sightline.findings import Finding

COLUMNS = ("path", "rule", "severity")
"""Columns of ``quarantine.csv``; only the first is read."""


def write_quarantine(path: Path, findings: Iterable[Finding], samples: Samples | None) -> int:
    """Write the samples that findings say a training should do without, one row a sample and rule.

    Returns:
        How many different samples are named.
    """
    known = {written(name) for name in samples.paths} if samples is not None else set[str]()
    named: set[str] = set()
    with whole_file(path, "w") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for finding in findings:
            mine = sorted({written(name) for name in finding.quarantined()} & known)
            rows.writerows((name, finding.rule, finding.severity) for name in mine)
            named.update(mine)
    return len(named)


def excluded(samples: Samples, table: Path | str) -> Samples:
    """The samples that a table does not name.

    Raises:
        DataError: the table cannot be read, has no path column, names images that are not in the data, or leaves a
            class without images.
    """
    path = Path(table).expanduser()
    wanted = _paths_in(path)
    place = {written(name): index for index, name in enumerate(samples.paths)} if wanted else {}
    unknown = [name for name in wanted if name not in place]
    if unknown:
        raise DataError(
            f"{len(unknown)} of the {len(wanted)} images in {path.name} are not in the data",
            where=f"data.exclude={table}",
            got=shortened(unknown),
            hint=f"paths are relative to {samples.root}; run sightline check again where files were moved or removed",
        )
    stays = np.ones(len(samples), np.bool_)
    stays[[place[name] for name in wanted]] = False
    kept = np.flatnonzero(stays)
    lost = np.flatnonzero((samples.counts() > 0) & (samples.counts(kept) == 0))
    if len(lost):
        raise DataError(
            f"{path.name} leaves no image of these classes",
            where=f"data.exclude={table}",
            got=shortened([samples.classes[place] for place in lost]),
            hint="take some of their rows out of the table, or remove the classes from the data",
        )
    return samples.take(kept) if wanted else samples


def _paths_in(path: Path) -> list[str]:
    """The different paths in a table, in order."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if "path" not in (rows.fieldnames or ()):
                raise DataError(
                    f"{path.name} has no path column",
                    where="data.exclude",
                    got=", ".join(rows.fieldnames or ()) or "an empty file",
                    allowed=["a CSV whose first line names a column path"],
                )
            return list(dict.fromkeys(row["path"] for row in rows if row["path"]))
    except (OSError, ValueError, csv.Error) as error:
        got = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise DataError(f"cannot read {path}", where="data.exclude", got=got, hint="check the path") from error
