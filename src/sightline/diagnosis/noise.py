"""How far figures of a training may be trusted: intervals of shares, errors of means, trends through noise."""

import math

import numpy as np
from numpy.typing import NDArray

from sightline.shares import score_bounds

CERTAIN = 3.0
"""Standard errors from which on a difference is believed. A rule is asked again at every evaluation, some
dozens of times in a run: with three of them (one in 740 by chance) a healthy run hears of nothing, with two (one in 20)
it would."""
BLOCKS = 10
"""Parts of equal length that a noisy curve is averaged in before a line is put through it. Neighbouring steps are not
independent of one another; means over a tenth of the curve nearly are."""


def interval(hits: float, count: float, z: float = CERTAIN) -> tuple[float, float]:
    """The share that ``hits`` of ``count`` speak for, from below and above (E. B. Wilson, JASA 22, 1927)."""
    if count <= 0:
        return 0.0, 1.0
    return score_bounds(hits / count, count, z)


def share_error(share: float, count: float) -> float:
    """Standard error of a share; of 0 and 1 that of one image more or less, so that nothing is taken for certain."""
    share = min(max(share, 1 / (count + 1)), 1 - 1 / (count + 1))
    return math.sqrt(share * (1 - share) / max(1.0, count))


def finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of the values that are numbers."""
    return values[np.isfinite(values)]


def mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean of a stretch of a curve and its standard error, by the means of ``BLOCKS`` parts; NaN where it is empty."""
    means = blocks(values)
    if not len(means):
        return math.nan, math.nan
    if len(means) < 2:
        return float(means[0]), math.inf
    return float(means.mean()), float(means.std(ddof=1)) / math.sqrt(len(means))


def blocks(values: NDArray[np.float64], count: int = BLOCKS) -> NDArray[np.float64]:
    """Means of so many parts of nearly equal length, of those values that are numbers; fewer where there are fewer."""
    values = finite(values)
    count = min(count, len(values))
    if count == 0:
        return values
    edges = np.linspace(0, len(values), count + 1).astype(np.int64)
    return np.add.reduceat(values, edges[:-1]) / np.diff(edges)


def trend(values: NDArray[np.float64]) -> tuple[float, float]:
    """What a straight line through a curve falls or rises by from its begin to its end, and the standard error.

    Returns:
        Change and error; the error is infinite where there are fewer than 4 values.
    """
    means = blocks(values)
    if len(means) < 4:
        return 0.0, math.inf
    place = np.linspace(-0.5, 0.5, len(means))
    slope = float(place @ means / (place @ place))
    left = means - means.mean() - slope * place
    return slope, math.sqrt(float(left @ left) / (len(means) - 2) / float(place @ place))


def smoothed(values: NDArray[np.float64], width: int = 3) -> NDArray[np.float64]:
    """Running median: each place with those before it, so that one lucky evaluation is no minimum."""
    if len(values) < width:
        return values
    return np.median(np.lib.stride_tricks.sliding_window_view(values, width), axis=1)
