"""How images are drawn again: one by one, within their classes, or whole groups together.

A resample stands for another part that might have been drawn, so it is drawn as the part was (Davison and Hinkley,
*Bootstrap Methods and their Application*, 1997, sections 3.2 and 3.8): where the split gave every part its share of
each class, the classes keep their sizes; where images of one patient stay together, patients are drawn and not images.

Of ``n`` units ``n - 1`` are drawn and each counts ``n / (n - 1)``, which makes the variance of a mean unbiased also
where a class has few images (Rao and Wu, JASA 83, 1988). A class with one image keeps it: its spread is not known.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.resample import CELLS_AT_ONCE, Floats

How = Literal["images", "classes", "groups"]


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """What is drawn again independently of the rest."""

    how: How = "images"
    """images: each image; classes: each image within its class; groups: all images of a group together."""
    codes: NDArray[np.integer[Any]] | None = None
    """Class or group of each image, any whole numbers ``[images]``; none for ``images``."""

    def take(self, places: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> "Design":
        """The same for the images at these places."""
        return self if self.codes is None else Design(self.how, self.codes[places])

    def units(self, images: int) -> int:
        """How many independent things there are: groups, or else images."""
        return len(np.unique(self.codes)) if self.how == "groups" and self.codes is not None else images

    def freedom(self, images: int) -> int:
        """Degrees of freedom of a variance over the units; at least 1."""
        taken = len(np.unique(self.codes)) if self.how == "classes" and self.codes is not None else 1
        return max(1, self.units(images) - taken)

    def weights(self, images: int, resamples: int, seed: int) -> Iterator[Floats]:
        """How much each image counts in each resample, ``[rows, images]``, some rows at a time.

        The same arguments give the same weights.
        """
        generator = np.random.default_rng(seed)
        rows = max(1, CELLS_AT_ONCE // max(1, images))
        strata, owners = self._drawn(images)
        for start in range(0, resamples, rows):
            yield _drawn_weights(generator, strata, min(rows, resamples - start))[:, owners]

    def _drawn(self, images: int) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """The units of each stratum, and the unit of each image."""
        every = np.arange(images)
        if self.codes is None or self.how == "images":
            return [every], every
        _, codes = np.unique(self.codes, return_inverse=True)
        if self.how == "groups":
            return [np.arange(int(codes.max(initial=-1)) + 1)], codes.astype(np.int64)
        order = np.argsort(codes, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1), every


def _drawn_weights(generator: np.random.Generator, strata: list[NDArray[np.int64]], rows: int) -> Floats:
    """Weights of the units ``[rows, units]``: of each stratum of ``n``, ``n - 1`` draws that count ``n / (n - 1)``."""
    order = np.concatenate(strata)
    sizes = np.asarray([len(stratum) for stratum in strata])
    starts = np.cumsum(sizes) - sizes
    several = sizes > 1
    base = np.repeat(starts[several], sizes[several] - 1)
    span = np.repeat(sizes[several], sizes[several] - 1)
    scale = np.empty(len(order))
    scale[order] = np.repeat(np.where(several, sizes / np.maximum(sizes - 1, 1), 1.0), sizes)
    weights = np.zeros((rows, len(order)))
    for row in range(rows):
        picks = order[base + (generator.random(len(base)) * span).astype(np.int64)]
        weights[row] = np.bincount(picks, minlength=len(order))
    weights[:, order[starts[~several]]] = 1.0
    return weights * scale


IMAGES = Design()
"""Each image by itself."""
