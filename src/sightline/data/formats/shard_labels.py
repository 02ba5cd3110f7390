"""What stands beside the images in shards, gathered sample by sample, and made into the columns of ``Samples``."""

import dataclasses
import math
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.arrays import coded
from sightline.data.formats.parts import part_of
from sightline.data.samples import PARTS, UNASSIGNED, Names, Samples
from sightline.data.store import Store
from sightline.errors import DataError


class Labels:
    """Label, part, group, weight and path of the samples read so far."""

    def __init__(self) -> None:
        self.numbers, self.words = array("q"), dict[str, int]()
        self.word_codes = array("i")
        self.parts, self.unknown_parts = array("b"), set[str]()
        self.groups, self.group_codes = dict[str, int](), array("i")
        self.weights = array("f")
        self.block, self.ends = bytearray(), array("q", [0])
        self.without_path = 0

    def add(self, known: dict[str, Any]) -> None:
        """Take what is known of one sample; its label is there."""
        label = known["label"]
        number = isinstance(label, int)
        self.numbers.append(label if number and abs(label) < 1 << 40 else -1)
        self.word_codes.append(-1 if number else self.words.setdefault(label, len(self.words)))
        self._add_part(known.get("part", known.get("split")))
        group = known.get("group")
        self.group_codes.append(-1 if group is None else self.groups.setdefault(str(group), len(self.groups)))
        weight = known.get("weight")
        self.weights.append(float(weight) if isinstance(weight, int | float) and weight >= 0 else math.nan)
        path = known.get("path")
        self.without_path += not isinstance(path, str)
        self.block += str(path or "").encode("utf-8", "surrogateescape")
        self.ends.append(len(self.block))

    def _add_part(self, word: Any) -> None:
        part = None if word is None else part_of(str(word))
        if word is not None and part is None:
            self.unknown_parts.add(str(word))
        self.parts.append(UNASSIGNED if part is None else PARTS.index(part))


def finished(plain: Samples, labels: Labels, class_names: tuple[str, ...] | None, store: Store) -> Samples:
    """The samples with everything that is known of them.

    Args:
        plain: paths, and the parts that the shards' names stand for.
        labels: of the same samples.
        class_names: the lines of ``classes.txt``, where there is one.
        store: the images; row ``i`` is sample ``i``.

    Raises:
        DataError: numbers and names mixed, labels outside the classes, a part of no such name, groups or weights that
            only some samples have.
    """
    where = str(plain.root)
    if labels.unknown_parts:
        raise DataError("unknown parts", where=where, got=", ".join(sorted(labels.unknown_parts)), allowed=PARTS)
    classes, codes = _coded(labels, class_names, where)
    parts = np.frombuffer(labels.parts, np.int8)
    groups, weights = np.frombuffer(labels.group_codes, np.int32), np.frombuffer(labels.weights, np.float32)
    _require_all_or_none(groups >= 0, "group", plain)
    _require_all_or_none(~np.isnan(weights), "weight", plain)
    return dataclasses.replace(
        plain,
        paths=_paths(plain, labels),
        labels=codes,
        classes=classes,
        parts=np.where(parts == UNASSIGNED, plain.parts, parts),
        groups=groups if groups[0] >= 0 else None,
        group_names=tuple(labels.groups),
        weights=None if np.isnan(weights[0]) else weights,
        store=store,
        rows=np.arange(len(plain), dtype=np.int64),
    )


def _coded(
    labels: Labels, class_names: tuple[str, ...] | None, where: str
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    words = np.frombuffer(labels.word_codes, np.int32)
    if (words < 0).all():
        return coded([np.frombuffer(labels.numbers, np.int64)], class_names, where)
    if (words < 0).any():
        raise DataError(
            "some labels are numbers and some are names", where=where, got=f"names: {', '.join(list(labels.words)[:5])}"
        )
    found = list(labels.words)
    classes, places = coded([np.asarray(found)], class_names, where)
    return classes, places[words]


def _require_all_or_none(has: NDArray[np.bool_], field: str, samples: Samples) -> None:
    if has.any() and not has.all():
        row = int(np.flatnonzero(~has)[0])
        raise DataError(
            f"only some samples have a {field}",
            where=str(samples.root),
            got=f"none (or none that is valid) in {samples.paths[row]}",
        )


def _paths(plain: Samples, labels: Labels) -> Names:
    """The paths that the samples had before they were packed, where all say one and no two the same."""
    if labels.without_path:
        return plain.paths
    paths = Names(np.frombuffer(labels.block, np.uint8), np.frombuffer(labels.ends, np.int64))
    hashes = np.fromiter((hash(path) for path in paths), np.int64, len(paths))
    return paths if len(np.unique(hashes)) == len(paths) else plain.paths
