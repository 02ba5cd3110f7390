"""Samples: the list of images with targets, groups and weights, in columns.

A million samples are a few arrays and no Python object each: worker processes share them by fork
without copying a page.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import Kind, joined
from sightline.data.store import Store
from sightline.errors import DataError, shortened

PARTS = ("train", "val", "test")
"""Names of the parts; a part is stored as its place in this tuple."""
UNASSIGNED = -1
"""Part of a sample before the split."""


class Names:
    """A column of strings: one block of UTF-8 bytes and the offsets of its pieces."""

    def __init__(self, block: NDArray[np.uint8], offsets: NDArray[np.int64]):
        self.block, self.offsets = block, offsets

    @classmethod
    def of(cls, items: Iterable[str]) -> "Names":
        """Pack strings; file names that are not valid UTF-8 survive as they came from the system."""
        block, ends = bytearray(), [0]
        ends.extend(_appended(block, item) for item in items)
        return cls(np.frombuffer(bytes(block), np.uint8), np.asarray(ends, np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        piece = self.block[self.offsets[index] : self.offsets[index + 1]]
        return piece.tobytes().decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: NDArray[np.integer[Any]]) -> "Names":
        """The names at these places, in this order."""
        return Names.of(self[int(index)] for index in indices)


def _appended(block: bytearray, item: str) -> int:
    block += item.encode("utf-8", "surrogateescape")
    return len(block)


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """One more thing that is known of each sample, such as where it comes from."""

    names: tuple[str, ...]
    """What occurs, sorted."""
    codes: NDArray[np.int32]
    """Of each sample its place in ``names``."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Images and what is known about them. Sample ``i`` is row ``i`` of every column."""

    root: Path
    """Folder that ``paths`` are relative to (for arrays: where they came from)."""
    paths: Names
    """Path of each image below ``root`` with forward slashes; for arrays ``file#row``."""
    labels: NDArray[np.int32]
    """Class of each sample as a place in ``classes``; -1: not known."""
    classes: tuple[str, ...]
    """Names of the classes, labels or numbers in the order of the model's outputs."""
    parts: NDArray[np.int8]
    """Part of each sample as a place in ``PARTS``, or ``UNASSIGNED``."""
    kind: Kind = "class"
    """What is known of each sample: its ``class``, which ``labels`` it has, or ``numbers``."""
    targets: NDArray[np.float32] | None = None
    """Of labels 0 or 1, of numbers each in its unit: ``[n, classes]``; ``labels`` are then -1."""
    groups: NDArray[np.int32] | None = None
    """Group of each sample (a patient, a scene), as a place in ``group_names``."""
    group_names: tuple[str, ...] = ()
    """Names of the groups."""
    weights: NDArray[np.float32] | None = None
    """Weight of each sample."""
    times: NDArray[np.float64] | None = None
    """When each sample was taken: a number, or for dates seconds since 1970 in UTC; NaN: not known."""
    columns: Mapping[str, Column] = dataclasses.field(default_factory=dict[str, Column])
    """More that is known, by the name of its column, where it was asked for."""
    checksums: NDArray[np.uint8] | None = None
    """SHA-256 that a table states for each file, ``[n, 32]``; zeros: none."""
    pixels: NDArray[np.uint8] | None = None
    """The images themselves, ``[n, height, width]`` or ``[n, height, width, 3]``, where they are not files."""
    store: Store | None = None
    """The container that the images lie in, where they are neither files nor ``pixels``."""
    rows: NDArray[np.int64] | None = None
    """Row of each sample in ``store``."""
    format: str = "arrays"
    """Name of the reader that made this."""
    ignored: tuple[str, ...] = ()
    """Files and folders that were passed over because they are no images."""

    def __len__(self) -> int:
        return len(self.labels)

    def __post_init__(self) -> None:
        for name in ("paths", "parts", "targets", "groups", "weights", "times", "checksums", "pixels", "rows"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.labels):
                raise DataError(
                    f"samples.{name} has {len(column)} rows and samples.labels has {len(self.labels)}",
                    hint="give every column one row per sample",
                )
        if (self.kind == "class") != (self.targets is None):
            raise DataError(f"samples of {self.kind} with{'out' * (self.targets is None)} targets")
        if self.targets is not None and self.targets.shape != (len(self), len(self.classes)):
            raise DataError("samples.targets is not [n, classes]", got=list(self.targets.shape))

    @classmethod
    def from_arrays(
        cls,
        pixels: NDArray[np.uint8],
        labels: Sequence[str] | Sequence[int] | NDArray[Any],
        *,
        classes: Sequence[str] | None = None,
        parts: Sequence[str] | None = None,
        name: str = "array",
    ) -> "Samples":
        """Samples from pixels in memory.

        Args:
            pixels: uint8 ``[n, height, width]`` (gray) or ``[n, height, width, 3]`` (RGB).
            labels: class names, or whole numbers that are places in ``classes``, one per image.
            classes: class names in order; where missing, the sorted distinct labels.
            parts: ``train``, ``val`` or ``test`` for each image; where missing, the split decides.
            name: what to call the array in paths (``name#row``).

        Raises:
            DataError: wrong shape or type, unequal lengths, a label outside the classes, an unknown part.
        """
        pixels = np.asarray(pixels)
        right_shape = pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] == 3)
        if pixels.dtype != np.uint8 or not right_shape:
            raise DataError(
                "pixels are not images",
                where=name,
                got=f"{pixels.dtype} {list(pixels.shape)}",
                allowed=["uint8 [n, height, width]", "uint8 [n, height, width, 3]"],
            )
        if len(labels) != len(pixels):
            raise DataError(f"{len(pixels)} images and {len(labels)} labels", where=name)
        codes, names = _codes_of(labels, classes, name)
        return cls(
            root=Path(name),
            paths=Names.of(f"{name}#{row}" for row in range(len(pixels))),
            labels=codes,
            classes=names,
            parts=_parts_of(parts, len(pixels), name),
            pixels=pixels,
        )

    def take(self, indices: NDArray[np.integer[Any]]) -> "Samples":
        """The samples at these places, in this order."""
        return dataclasses.replace(
            self,
            paths=self.paths.take(indices),
            labels=self.labels[indices],
            parts=self.parts[indices],
            targets=None if self.targets is None else self.targets[indices],
            groups=None if self.groups is None else self.groups[indices],
            weights=None if self.weights is None else self.weights[indices],
            times=None if self.times is None else self.times[indices],
            columns={name: Column(own.names, own.codes[indices]) for name, own in self.columns.items()},
            checksums=None if self.checksums is None else self.checksums[indices],
            pixels=None if self.pixels is None else self.pixels[indices],
            rows=None if self.rows is None else self.rows[indices],
        )

    def part(self, name: str) -> NDArray[np.int64]:
        """Places of the samples in this part, in order."""
        return np.flatnonzero(self.parts == PARTS.index(name))

    def counts(self, indices: NDArray[np.integer[Any]] | None = None) -> NDArray[np.int64]:
        """How many samples each class or label has, or have each number, over all samples or over these."""
        if self.targets is not None:
            held = self.targets if indices is None else self.targets[indices]
            return (held > 0.5 if self.kind == "labels" else np.isfinite(held)).sum(axis=0)
        labels = self.labels if indices is None else self.labels[indices]
        return np.bincount(labels[labels >= 0], minlength=len(self.classes))

    def targets_of(self, indices: NDArray[np.integer[Any]]) -> NDArray[np.int64] | NDArray[np.float32]:
        """What a task learns of these samples: classes int64 ``[n]``, or labels or numbers float32 ``[n, classes]``."""
        return self.labels[indices].astype(np.int64) if self.targets is None else self.targets[indices]

    def told(self, index: int) -> str:
        """What is known of a sample, as a table holds it: ``cat``, ``round|red``, ``3.5``; empty: nothing."""
        if self.targets is None:
            return self.classes[self.labels[index]] if self.labels[index] >= 0 else ""
        row = self.targets[index]
        if self.kind == "numbers":
            return joined([str(value) for value in row])
        return joined([name for name, value in zip(self.classes, row, strict=True) if value > 0.5])

    def with_classes(self, classes: Sequence[str]) -> "Samples":
        """The same samples with these classes, labels or numbers, told by name; what else there was becomes unknown.

        Raises:
            DataError: a number is missing.
        """
        if self.targets is None:
            places = np.asarray([classes.index(name) if name in classes else -1 for name in self.classes], np.int32)
            labels = np.where(self.labels >= 0, places[self.labels], -1).astype(np.int32)
            return dataclasses.replace(self, labels=labels, classes=tuple(classes))
        missing = [name for name in classes if name not in self.classes]
        if missing and self.kind == "numbers":
            raise DataError("numbers are missing", where=str(self.root), got=shortened(missing), allowed=self.classes)
        targets = np.zeros((len(self), len(classes)), np.float32)
        for place, name in enumerate(classes):
            if name in self.classes:
                targets[:, place] = self.targets[:, self.classes.index(name)]
        return dataclasses.replace(self, targets=targets, classes=tuple(classes))

    def file(self, index: int) -> Path:
        """Where the image of a sample lies on disk; only for samples that are files."""
        return self.root / self.paths[index]

    def content(self, index: int) -> bytes | NDArray[np.uint8]:
        """The image of a sample as it is kept: the encoded bytes, or its pixels.

        Raises:
            OSError: the file cannot be read.
            ImageError: the store cannot be read at this place.
        """
        if self.pixels is not None:
            return self.pixels[index]
        if self.store is not None and self.rows is not None:
            return self.store.read(int(self.rows[index]))
        return self.file(index).read_bytes()

    def state(self, index: int) -> tuple[int, int]:
        """Size in bytes and time of change of a sample's file or container; -1 and -1 where it is gone."""
        if self.store is not None and self.rows is not None:
            return self.store.state(int(self.rows[index]))
        try:
            status = self.file(index).stat()
        except OSError:
            return -1, -1
        return status.st_size, status.st_mtime_ns


def _codes_of(
    labels: Sequence[str] | Sequence[int] | NDArray[Any], classes: Sequence[str] | None, name: str
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    column = np.asarray(labels)
    if column.dtype.kind in "iu":
        names = tuple(classes) if classes else tuple(str(k) for k in range(int(column.max(initial=-1)) + 1))
        outside = np.unique(column[(column < 0) | (column >= len(names))])
        if len(outside):
            raise DataError(
                "labels outside the classes",
                where=name,
                got=shortened(outside.tolist()),
                allowed=[f"0 to {len(names) - 1}"],
            )
        return column.astype(np.int32), names
    words = [str(label) for label in labels]
    names = tuple(classes) if classes else tuple(sorted(set(words)))
    place = {word: code for code, word in enumerate(names)}
    unknown = sorted(set(words) - set(names))
    if unknown:
        raise DataError("labels outside the classes", where=name, got=shortened(unknown), allowed=names)
    return np.asarray([place[word] for word in words], np.int32), names


def _parts_of(parts: Sequence[str] | None, count: int, name: str) -> NDArray[np.int8]:
    if parts is None:
        return np.full(count, UNASSIGNED, np.int8)
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise DataError("unknown parts", where=name, got=shortened(unknown), allowed=PARTS)
    return np.asarray([PARTS.index(part) for part in parts], np.int8)
