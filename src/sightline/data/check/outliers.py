"""Images that are unlike all others of their class, by the distance of their embeddings.

The distance to the k-th nearest neighbour is the measure of S. Ramaswamy, R. Rastogi, K. Shim, "Efficient Algorithms
for Mining Outliers from Large Data Sets", SIGMOD 2000. The threshold is robust: so many deviations above the median
of the class, the deviation taken from the median absolute deviation (F. Hampel, 1974) of the logarithms.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import Names
from sightline.errors import shortened
from sightline.findings import Finding

NEIGHBORS = 5
"""Which neighbour's distance counts; so up to five foreign images that are alike are still alone."""
FEWEST = 20
"""Images that a class needs; among fewer nobody can say what is usual."""
DEVIATIONS = 3.5
"""Robust standard deviations of the logarithm of the distance above the median from which an image is an outlier: of a
normal distribution 2 in ten thousand are so far out."""
NOTABLE = 2.0
"""Deviations from which an image is worth a look. Between unit vectors distances end at 2, so among varied photos even
a foreign one seldom reaches more: with MobileNetV2 x0.35 a cat among 80 photos of cardboard had 2.3 and the cardboard
1.7 at most, but a blood smear among 80 photos of paper had only 1.2 and was not found."""
MOST_TOLD = 20
"""Images that are listed as worth a look, the farthest."""

_REFERENCES = 5000
_CHUNK = 512


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Outliers:
    """How far each sample is from its class."""

    distance: NDArray[np.float64]
    """Distance to the fifth neighbour of the same class; NaN where the class is too small."""
    score: NDArray[np.float64]
    """Robust standard deviations above the median of the class; NaN where the class is too small."""
    indices: NDArray[np.int64]
    """Those at ``NOTABLE`` deviations or more, the farthest first."""


def outliers(embeddings: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> Outliers:
    """Rank samples by their distance from the others of their class.

    Embeddings are centered and brought to length 1, so distances depend neither on what all images have in common nor
    on how strongly a network answers. In a class of
    more than 5000, neighbours are searched among 5000 of them, evenly taken: time grows with the number of samples.

    Args:
        embeddings: ``[n, features]``.
        labels: class of each sample ``[n]``; those with -1 count as one class.
    """
    centered = embeddings - embeddings.mean(axis=0)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    unit = (centered / np.maximum(lengths, 1e-12)).astype(np.float32)
    distance, score = np.full(len(unit), np.nan), np.full(len(unit), np.nan)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < FEWEST:
            continue
        distance[members] = _to_neighbor(unit, members)
        # Copies have no distance at all; a floor keeps their logarithm finite and the median where it belongs.
        logs = np.log(np.maximum(distance[members], 1e-4))
        median = np.median(logs)
        deviation = 1.4826 * np.median(np.abs(logs - median))
        score[members] = (logs - median) / max(float(deviation), 0.02)
    far = np.flatnonzero(score >= NOTABLE)
    return Outliers(distance=distance, score=score, indices=far[np.lexsort((far, -score[far]))])


def embedding_outliers(
    found: Outliers, paths: Names, labels: NDArray[np.int32], classes: tuple[str, ...]
) -> Iterator[Finding]:
    """A warning for each outlier, the farthest first, and one note about images that are worth a look."""
    beyond = found.score[found.indices] >= DEVIATIONS
    for index in found.indices[beyond].tolist():
        label = classes[labels[index]] if labels[index] >= 0 else "the unlabeled images"
        yield Finding(
            rule="embedding.outlier",
            severity="warning",
            message=f"{paths[index]} is unlike the rest of {label}: "
            f"{found.score[index]:.1f} deviations above the usual distance, {DEVIATIONS:g} are suspect",
            remedy="look at it; leave it out where it does not belong to the data set",
            paths=(paths[index],),
            evidence={
                "class": label,
                "distance": round(float(found.distance[index]), 4),
                "deviations": round(float(found.score[index]), 2),
            },
        )
    notable = found.indices[~beyond][:MOST_TOLD]
    if len(notable):
        names = tuple(paths[int(index)] for index in notable)
        yield Finding(
            rule="embedding.notable",
            severity="note",
            message=f"{int((~beyond).sum())} images are {NOTABLE:g} to {DEVIATIONS:g} deviations from the rest of "
            f"their class, the farthest {shortened(names)}",
            remedy="look at the first ones; most may well belong there",
            paths=names,
            evidence={"deviations": [round(float(found.score[index]), 2) for index in notable]},
        )


def _to_neighbor(unit: NDArray[np.float32], members: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance of each member to its fifth nearest other member, or to that of a sample of them."""
    chosen = np.linspace(0, len(members) - 1, min(len(members), _REFERENCES)).astype(np.int64)
    references = unit[members[chosen]]
    place = np.full(len(members), -1)
    place[chosen] = np.arange(len(chosen))
    found = np.empty(len(members))
    for start in range(0, len(members), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(members)))
        squares = 2 - 2 * (unit[members[rows]] @ references.T)
        own = place[rows]
        squares[np.flatnonzero(own >= 0), own[own >= 0]] = np.inf
        found[rows] = np.sqrt(np.maximum(np.partition(squares, NEIGHBORS - 1, axis=1)[:, NEIGHBORS - 1], 0))
    return found
