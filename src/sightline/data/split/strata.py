"""What a division keeps in proportion where an image has no single class."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import Samples

_BINS = 10
"""Most ranges that numbers are divided into."""


def with_strata(samples: Samples, needed: int, free: NDArray[np.int64]) -> Samples:
    """The samples with one class each, so that every part gets about the same share of it.

    An image counts for its set of labels, and where too few images have the same one, for the rarest of its labels:
    the common ones are spread evenly by chance, the rare ones would not be. Numbers count for one of up to ten ranges
    of the first of them, which hold equally many images. What is too rare to be in every part counts as one rest, so
    that nothing is refused for it.

    Args:
        samples: of any kind; those of one class an image stay as they are.
        needed: images that a class must have.
        free: places of the samples to divide; the others get no class.
    """
    if samples.targets is None:
        return samples
    targets = samples.targets[free]
    codes = _sets(targets, needed) if samples.kind == "labels" else _ranges(targets[:, 0], needed)
    counts = np.bincount(codes)
    codes = np.where(counts[codes] >= needed, codes, len(counts))
    if 0 < (codes == len(counts)).sum() < needed:
        codes[codes == len(counts)] = int(counts.argmax())
    names, codes = np.unique(codes, return_inverse=True)
    labels = np.full(len(samples), -1, np.int32)
    labels[free] = codes
    return dataclasses.replace(
        samples, kind="class", targets=None, labels=labels,
        classes=tuple(f"stratum {name}" for name in names),
    )  # fmt: skip


def _sets(targets: NDArray[np.float32], needed: int) -> NDArray[np.int64]:
    """Of each image its set of labels, or where fewer than needed have the same, the rarest of them."""
    has = targets > 0.5
    _, codes, sizes = np.unique(has, axis=0, return_inverse=True, return_counts=True)
    codes = codes.reshape(-1)
    counts = has.sum(axis=0)
    rarest = np.where(has, counts, np.iinfo(np.int64).max).argmin(axis=1)
    return np.where(sizes[codes] >= needed, codes, len(sizes) + rarest)


def _ranges(values: NDArray[np.float32], needed: int) -> NDArray[np.int64]:
    """Of each image the range that its number lies in; equal numbers lie in one."""
    count = max(1, min(_BINS, len(values) // (2 * needed)))
    edges = np.quantile(values, np.arange(1, count) / count)
    return np.searchsorted(edges, values, side="right")
