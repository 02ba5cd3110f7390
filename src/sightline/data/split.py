"""The split: which sample is in which part, frozen in a file with the checksum of every image."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import PARTS, UNASSIGNED, Names, Samples
from sightline.data.scan import Scan, hash_of
from sightline.errors import ChangedDataError, SplitError, shortened
from sightline.files import whole_file

COLUMNS = ("path", "label", "part", "sha256")
TRAIN, VAL, TEST = range(3)


def split(samples: Samples, *, val: float, test: float, seed: int) -> Samples:
    """Give every sample a part.

    Parts that the data set gives are kept. Where it gives no validation part, one is taken from the training part;
    where it gives no parts at all, a test part too. Each class is divided in the same proportion,
    at random by ``seed``.

    Args:
        samples: with or without parts.
        val: fraction of the samples to take for validation.
        test: fraction of the samples to take for the test.
        seed: equal seeds and samples give equal parts.

    Raises:
        SplitError: the fractions leave nothing to train on, or a class has too few samples to be in every part.
    """
    given = set(np.unique(samples.parts).tolist())
    parts = samples.parts.copy()
    if given == {UNASSIGNED}:
        wanted = {VAL: val, TEST: test}
    elif UNASSIGNED in given:
        raise SplitError("some samples have a part and some have none", hint="give every sample a part, or none")
    elif TRAIN not in given:
        raise SplitError("the data set gives no training part", got=", ".join(PARTS[part] for part in sorted(given)))
    else:
        wanted = {} if VAL in given else {VAL: val}
        parts[parts == TRAIN] = UNASSIGNED
    if sum(wanted.values()) >= 1:
        raise SplitError(
            "nothing is left to train on", where="data.val, data.test", got=f"{val:g} + {test:g}", allowed=["below 1"]
        )
    _assign(samples, parts, {part: fraction for part, fraction in wanted.items() if fraction > 0}, seed)
    return dataclasses.replace(samples, parts=parts)


def _assign(samples: Samples, parts: NDArray[np.int8], wanted: dict[int, float], seed: int) -> None:
    """Divide the unassigned samples, class by class; the roundings add up to the wanted totals."""
    free = np.flatnonzero(parts == UNASSIGNED)
    counts = samples.counts(free)
    small = [f"{samples.classes[c]} ({counts[c]})" for c in np.flatnonzero((counts > 0) & (counts <= len(wanted)))]
    if small:
        raise SplitError(
            f"classes with too few images to be in every part (at least {len(wanted) + 1} are needed)",
            got=shortened(small),
            hint="add images, merge or remove the classes, or ask for fewer parts with -s data.test=0",
        )
    parts[free] = TRAIN
    shares: dict[int, NDArray[np.int64]] = {}
    most = counts - len(wanted)
    for part, fraction in wanted.items():
        shares[part] = _apportion(counts, fraction, most)
        most = most - shares[part] + 1
    for label in np.flatnonzero(counts):
        members = free[samples.labels[free] == label]
        members = members[np.random.Generator(np.random.Philox(key=[seed, int(label)])).permutation(len(members))]
        start = 0
        for part, share in shares.items():
            parts[members[start : start + share[label]]] = part
            start += share[label]


def _apportion(counts: NDArray[np.int64], fraction: float, most: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of each class go to a part: at least one, ``most`` at most, the largest remainders rounded up."""
    exact = counts * fraction
    share = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(share.sum())
    order = np.argsort(-(exact - share), kind="stable")
    share[order[: max(0, missing)]] += 1
    return np.where(counts > 0, np.clip(share, 1, np.maximum(most, 1)), 0)


def write_split(path: Path, samples: Samples, scan: Scan) -> None:
    """Write ``split.csv``: one row a sample with its path, label, part and checksum."""
    with whole_file(path, "w") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for index, name in enumerate(samples.paths):
            label, part = samples.classes[samples.labels[index]], PARTS[samples.parts[index]]
            rows.writerow((written(name), label, part, scan.sha256(index)))


def written(name: str) -> str:
    """A path as tables hold it: bytes that are not UTF-8, and line breaks, which CSV readers trip over, escaped."""
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
    if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise SplitError(
            "not a split", where=str(path), got=",".join(rows[0]) if rows else "an empty file", allowed=COLUMNS
        )
    if len(rows) == 1:
        raise SplitError("the split holds no images", where=str(path), hint="make it again with sightline split")
    names, labels, parts, checksums = zip(*rows[1:], strict=True)
    if not set(parts) <= set(PARTS):
        unknown = sorted(set(parts) - set(PARTS))
        raise SplitError("unknown parts in the split", where=str(path), got=shortened(unknown), allowed=PARTS)
    return Frozen(Names.of(names), labels, parts, checksums)


def apply_split(samples: Samples, path: Path) -> Samples:
    """The samples that a run was made with, in the order and the parts of its ``split.csv``.

    Files that came later are left out.

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
        for name, label, code in zip(frozen.paths, frozen.labels, kept.labels, strict=True)
        if kept.classes[code] != label
    ]
    if other:
        raise ChangedDataError(
            f"{len(other)} images have another label than when the run was made",
            where=str(samples.root),
            got=shortened(other),
            hint="restore the labels, or train a new run",
        )
    return dataclasses.replace(kept, parts=np.asarray([PARTS.index(part) for part in frozen.parts], np.int8))


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
