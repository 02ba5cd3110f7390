"""Two models that answered for the same images: whether they differ by more than chance.

Every figure here is paired: an image that is hard for one model is hard for the other, and that shared part cancels.
So paired tests tell models apart that two intervals side by side cannot.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.resample import CELLS_AT_ONCE, Floats, drawn_images

FLIPS = 9999
"""Random sign flips behind a permutation test: its smallest p is 0.0001."""


def mcnemar(lost: int, gained: int) -> float:
    """McNemar's exact test (McNemar, 1947): the two-sided p of a fair coin for the images that changed.

    Args:
        lost: images that the first model has right and the second wrong.
        gained: images that the first has wrong and the second right.

    Returns:
        The p-value; 1 where nothing changed.
    """
    changed, fewer = lost + gained, min(lost, gained)
    if lost == gained:
        return 1.0
    places = np.arange(fewer + 1)
    ways = np.asarray([math.lgamma(changed + 1) - math.lgamma(k + 1) - math.lgamma(changed - k + 1) for k in places])
    return min(1.0, float(2 * np.exp(np.logaddexp.reduce(ways - changed * math.log(2)))))


def sign_flip(differences: Floats, seed: int, groups: NDArray[np.integer[Any]] | None = None) -> float:
    """Paired permutation test of a mean difference: each image's difference (or each group's) could as well have had
    the other sign (Fisher, 1935). The p-value is ``(as large + 1) / (flips + 1)`` (Phipson and Smyth, 2010).

    Args:
        differences: of each image, ``[n]``.
        seed: of the random flips.
        groups: group of each image ``[n]``; images of one group are flipped together.
    """
    values = differences if groups is None else np.bincount(_codes(groups), weights=differences)
    values = values[values != 0]
    if not len(values):
        return 1.0
    generator, seen = np.random.default_rng(seed), abs(values.sum())
    as_large, step = 0, max(1, CELLS_AT_ONCE // len(values))
    for start in range(0, FLIPS, step):
        rows = min(step, FLIPS - start)
        heads = generator.integers(0, 2, (rows, len(values)), dtype=np.int8)
        sums = 2 * (heads @ values) - values.sum()
        as_large += int((np.abs(sums) >= seen * (1 - 1e-12)).sum())
    return (as_large + 1) / (FLIPS + 1)


def holm(values: Sequence[float]) -> list[float]:
    """P-values after Holm's correction for several comparisons (Holm, 1979), in the order given."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    adjusted, highest = [1.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted


def drawn(images: int, resamples: int, seed: int, groups: NDArray[np.integer[Any]] | None = None) -> Iterator[Floats]:
    """How often each image comes in each resample, ``[rows, images]``, some rows at a time.

    With groups whole groups are drawn again: images of one group tell less than as many of different ones.
    """
    if groups is None:
        yield from drawn_images(images, resamples, seed)
        return
    codes = _codes(groups)
    for rows in drawn_images(int(codes.max()) + 1, resamples, seed):
        for piece in np.array_split(rows, max(1, math.ceil(len(rows) * images / CELLS_AT_ONCE))):
            yield piece[:, codes]


def _codes(groups: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)
