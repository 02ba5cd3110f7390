"""Images drawn again with replacement (Efron, 1979), and the intervals that come of it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
CELLS_AT_ONCE = 4_000_000
"""Resamples times cells in memory at a time: 32 MB."""


def draw(generator: np.random.Generator, counts: Counts, rows: int) -> Counts:
    """Draw as many images as there are, with replacement, ``rows`` times: how many fell into each cell."""
    images, cells = int(counts.sum()), len(counts)
    if images > 16 * cells:
        return generator.multinomial(images, counts / images, size=rows)
    # A multinomial draw costs a binomial per cell. With few images per cell it is quicker to draw the images.
    owners = np.repeat(np.arange(cells), counts)
    picks = (generator.integers(0, images, images, dtype=np.int32) for _ in range(rows))
    return np.stack([np.bincount(owners[pick], minlength=cells) for pick in picks])


def drawn_images(images: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each image comes in each resample, ``[rows, images]``, some rows at a time."""
    generator, ones = np.random.default_rng(seed), np.ones(images, np.int64)
    for start in range(0, resamples, step := max(1, CELLS_AT_ONCE // images)):
        yield draw(generator, ones, min(step, resamples - start)).astype(np.float64)


def interval(value: NDArray[np.float64] | float, drawn: Floats, confidence: float) -> dict[str, float]:
    """A figure with the range of its resamples; resamples in which it is not defined (NaN) do not count."""
    known = drawn[np.isfinite(drawn)]
    known = known if len(known) else np.asarray([value], np.float64)
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {"value": float(value), "low": float(low), "high": float(high)}
