"""The file of a split: which sample is in which part, with the checksum of every image."""

import contextlib
import csv
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.table_header import COLUMNS as TABLE_COLUMNS
from sightline.data.samples import PARTS, Names, Samples
from sightline.data.scan import Scan, hash_of
from sightline.errors import ChangedDataError, SplitError, shortened
from sightline.files import whole_file

COLUMNS = ("path", "label", "part", "sha256")
MORE = ("group", "weight")
"""Columns that follow where the samples have them; after these, one for each label or number."""


def write_split(path: Path, samples: Samples, scan: Scan) -> None:
    """Write ``split.csv``: one row a sample with its path, label, part and checksum; group and weight where known."""
    write_splits({path: samples}, scan)


def write_splits(files: Mapping[Path, Samples], scan: Scan) -> None:
    """Write several splits of the same samples: no file is replaced before all of them are written."""
    with contextlib.ExitStack() as open_files:
        for path, samples in files.items():
            _write(open_files.enter_context(whole_file(path, "w")), samples, scan)


def _write(file: IO[str], samples: Samples, scan: Scan) -> None:
    rows = csv.writer(file, lineterminator="\n")
    more: dict[str, Any] = {}
    if samples.groups is not None:
        more["group"] = [written(samples.group_names[code]) for code in samples.groups.tolist()]
    if samples.weights is not None:
        more["weight"] = samples.weights.astype(str).tolist()
    if samples.targets is not None:
        taken = {word for words in TABLE_COLUMNS.values() for word in words}
        for place, name in enumerate(samples.classes):
            if name.lower() not in taken:  # a table cannot name a column twice
                more[name] = samples.targets[:, place].astype(int if samples.kind == "labels" else str).tolist()
    rows.writerow((*COLUMNS, *more))
    for index, name in enumerate(samples.paths):
        label, part = samples.told(index), PARTS[samples.parts[index]]
        rows.writerow((written(name), label, part, scan.sha256(index), *(column[index] for column in more.values())))


def written(name: str) -> str:
    """A path as the file holds it: bytes that are not UTF-8, and line breaks, which CSV readers trip over, escaped."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\r", "\\r").replace("\n", "\\n")


@dataclasses.dataclass(frozen=True, eq=False)
class Frozen:
    """What ``split.csv`` says, in columns."""

    paths: Names
    labels: tuple[str, ...]
    parts: tuple[str, ...]
    sha256: tuple[str, ...]


def read_split(path: Path) -> Frozen:
    """Read ``split.csv``.

    Raises:
        SplitError: the file is missing, is no text, holds no images, or has other columns or parts.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise SplitError("the split cannot be read", where=str(path), got=error.strerror or str(error)) from error
    except (ValueError, csv.Error) as error:
        raise SplitError("not a split", where=str(path), got=str(error), allowed=COLUMNS) from error
    header = tuple(rows[0]) if rows else ()
    if header[: len(COLUMNS)] != COLUMNS or any(len(row) != len(header) for row in rows):
        raise SplitError(
            "not a split", where=str(path), got=",".join(rows[0]) if rows else "an empty file", allowed=COLUMNS
        )
    if len(rows) == 1:
        raise SplitError("the split holds no images", where=str(path), hint="make it again with sightline split")
    names, labels, parts, checksums = zip(*(row[: len(COLUMNS)] for row in rows[1:]), strict=True)
    if not set(parts) <= set(PARTS):
        unknown = sorted(set(parts) - set(PARTS))
        raise SplitError("unknown parts in the split", where=str(path), got=shortened(unknown), allowed=PARTS)
    return Frozen(Names.of(names), labels, parts, checksums)


def apply_split(samples: Samples, path: Path, classes: Sequence[str]) -> Samples:
    """The samples that a run was made with, in the order and the parts of its ``split.csv``.

    Files and classes that came later are left out.

    Args:
        samples: the data as it is now.
        path: the run's ``split.csv``.
        classes: the run's classes, in the order of the model's outputs; labels are told by name as places in them.

    Raises:
        ChangedDataError: a file or a label of the split is no longer there; names the files.
    """
    frozen = read_split(path)
    place = {written(name): index for index, name in enumerate(samples.paths)}
    gone = [name for name in frozen.paths if name not in place]
    if gone:
        raise ChangedDataError(
            f"{len(gone)} of {len(frozen.paths)} images of this run are gone",
            where=str(samples.root),
            got=shortened(gone),
            hint="restore them, or train a new run",
        )
    kept = samples.take(np.asarray([place[name] for name in frozen.paths], np.int64))
    other = [
        name
        for index, (name, label) in enumerate(zip(frozen.paths, frozen.labels, strict=True))
        if kept.told(index) != label
    ]
    if other:
        raise ChangedDataError(
            f"{len(other)} images have another label than when the run was made",
            where=str(samples.root),
            got=shortened(other),
            hint="restore the labels, or train a new run",
        )
    parts = np.asarray([PARTS.index(part) for part in frozen.parts], np.int8)
    return dataclasses.replace(kept.with_classes(classes), parts=parts)


def refuse_changes(samples: Samples, path: Path, indices: Sequence[int] | NDArray[np.integer[Any]]) -> None:
    """Compare these samples with the checksums in ``split.csv``.

    Args:
        samples: in the order of the split, as ``apply_split`` gives them.
        path: the run's ``split.csv``.
        indices: the samples to compare.

    Raises:
        ChangedDataError: names the files whose content is another one now.
    """
    frozen = read_split(path)
    changed = [frozen.paths[int(i)] for i in indices if hash_of(samples, int(i)) != frozen.sha256[int(i)]]
    if changed:
        raise ChangedDataError(
            f"{len(changed)} images changed since the run was made",
            where=str(samples.root),
            got=shortened(changed),
            hint="restore the files, or train a new run",
        )


def stated_changes(samples: Samples, indices: NDArray[np.integer[Any]], checksum: Callable[[int], str]) -> list[str]:
    """Paths of those samples whose checksum differs from the one that their table states: a split file states them."""
    if samples.checksums is None:
        return []
    stated = samples.checksums
    return [
        samples.paths[place]
        for place in indices.tolist()
        if stated[place].any() and stated[place].tobytes().hex() != checksum(place)
    ]


def refuse_stated_changes(
    samples: Samples, indices: NDArray[np.integer[Any]], checksum: Callable[[int], str] | None = None
) -> None:
    """Compare samples with the checksums that their table states, if it states any.

    Args:
        samples: as they were read.
        indices: the samples to compare.
        checksum: of a sample now; where missing, the files are read.

    Raises:
        ChangedDataError: names the files whose content is another one now.
    """
    changed = stated_changes(samples, indices, checksum or (lambda place: hash_of(samples, place)))
    if changed:
        raise ChangedDataError(
            f"{len(changed)} of {len(indices)} images are not those that the split was made with",
            where=str(samples.root),
            got=shortened(changed),
            hint="restore the files, or make the split again with sightline split",
        )
