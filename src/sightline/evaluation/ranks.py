"""Figures of ranks: the area under the ROC curve, and average precision (the area under precision over recall).

Both are scikit-learn's, ties included: images of one score are one step of the curve.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.resample import Floats

Flags = NDArray[np.bool_]
RANKED_AT_MOST, FEWEST = 500_000_000, 200
"""Images times classes times resamples that are ranked for intervals; with fewer resamples than that there are none."""


def rows_to_rank(images: int, classes: int, resamples: int) -> int:
    """How many of these resamples can be ranked in good time; 0: too few of them for an interval."""
    rows = min(resamples, RANKED_AT_MOST // max(1, images * classes))
    return rows if rows >= min(FEWEST, resamples) else 0


class Ranked:
    """Images in the order of their scores, the highest first; equal scores are one step.

    Args:
        scores: ``[images]``.
        true: whether each has the label, ``[images]``.
    """

    def __init__(self, scores: NDArray[np.floating[Any]], true: Flags):
        order = np.argsort(-scores, kind="stable")
        flags, ranked = true[order], -scores[order]
        self.have, self.lack = order[flags], order[~flags]
        # How many without the label stand above each one that has it, and how many down to the end of its step.
        self.above = np.searchsorted(ranked[~flags], ranked[flags], "left")
        self.upto = np.searchsorted(ranked[~flags], ranked[flags], "right")
        self.step_end = np.searchsorted(ranked[flags], ranked[flags], "right") - 1

    def areas(self, weights: Floats) -> tuple[Floats, Floats]:
        """Average precision and area under the ROC curve ``[rows]`` for weights ``[rows, images]``; NaN: undefined."""
        own = weights[:, self.have]
        misses = np.zeros((len(weights), len(self.lack) + 1))
        np.cumsum(weights[:, self.lack], axis=1, out=misses[:, 1:])
        hits = np.cumsum(own, axis=1)[:, self.step_end]
        before, until, all_missed = misses[:, self.above], misses[:, self.upto], misses[:, -1:]
        total = own.sum(axis=1)
        precision = np.divide(hits, hits + until, out=np.zeros_like(hits), where=hits > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            average = (own * precision).sum(axis=1) / total
            area = (own * (all_missed - (before + until) / 2)).sum(axis=1) / (total * all_missed[:, 0])
        return np.where(total > 0, average, np.nan), np.where((total > 0) & (all_missed[:, 0] > 0), area, np.nan)


def odds_against_rest(logits: NDArray[np.float32]) -> Floats:
    """Logarithm of the odds of each class against all others, ``[images, classes]``.

    It ranks the images as the class's probability does, and still tells them apart where that rounds to 0 or 1.
    """
    values = logits.astype(np.float64)
    if values.shape[1] == 2:
        ahead = values[:, 1] - values[:, 0]
        return np.stack([-ahead, ahead], axis=1)
    rows, top = np.arange(len(values)), values.argmax(axis=1)
    peak = values[rows, top]
    powers = np.exp(values - peak[:, None])
    powers[rows, top] = 0.0
    others = powers.sum(axis=1)
    with np.errstate(divide="ignore"):
        odds = values - peak[:, None] - np.log1p(others[:, None] - powers)
        # Of the surest class the others are summed up on their own scale, lest they vanish beside it.
        rest = values.copy()
        rest[rows, top] = -np.inf
        second = rest.max(axis=1, initial=-np.inf)
        odds[rows, top] = peak - second - np.log(np.exp(rest - second[:, None]).sum(axis=1))
    return odds


def mean_of_known(values: Floats, weights: NDArray[np.floating[Any]] | None = None) -> Floats:
    """Mean over the classes (last axis) of which a figure is known (not NaN); NaN where it is known of none.

    Args:
        values: ``[…, classes]``.
        weights: how much each class counts, of the same shape or ``[classes]``; where missing, all the same.
    """
    known = np.isfinite(values)
    share = known.astype(np.float64) if weights is None else np.where(known, weights, 0.0)
    whole = share.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, (np.where(known, values, 0.0) * share).sum(axis=-1) / whole, np.nan)


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """``part / whole``, and NaN where ``whole`` is 0."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    return np.divide(part, whole, out=np.full(shape, np.nan), where=np.asarray(whole) > 0)
