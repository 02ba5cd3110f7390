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
from sightline.findings import Finding

NEIGHBORS = 5
"""Which neighbour's distance counts; so up to five foreign images that are alike are still alone."""
FEWEST = 20
"""Images that a class needs; among fewer nobody can say what is usual."""
DEVIATIONS = 5.0
"""Robust standard deviations of the logarithm of the distance above the median from which an image is an outlier: of
a normal distribution 3 in ten million are so far out, and distances are log-normal rather than normal."""

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
    """The outliers, the farthest first."""


def outliers(embeddings: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> Outliers:
    """Rank samples by their distance from the others of their class.

    Embeddings are brought to length 1, so distances do not depend on how strongly a network answers. In a class of
    more than 5000, neighbours are searched among 5000 of them, evenly taken: time grows with the number of samples.

    Args:
        embeddings: ``[n, features]``.
        labels: class of each sample ``[n]``; those with -1 count as one class.
    """
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = (embeddings / np.maximum(lengths, 1e-12)).astype(np.float32)
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
    far = np.flatnonzero(score >= DEVIATIONS)
    return Outliers(distance=distance, score=score, indices=far[np.lexsort((far, -score[far]))])


def embedding_outliers(
    found: Outliers, paths: Names, labels: NDArray[np.int32], classes: tuple[str, ...]
) -> Iterator[Finding]:
    """A finding for each outlier, the farthest first."""
    for index in found.indices.tolist():
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
