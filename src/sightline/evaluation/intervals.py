"""Intervals of figures, from the spread of their resamples.

A share (accuracy, F1, area under a curve, …) has a score interval (Wilson, JASA 22, 1927), whose number of images is
the one that gives the variance of its resamples: ``n = p (1 - p) / variance``. For accuracy over independent images
that is Wilson's interval itself; for groups it is the one of surveys (Dean and Pagano, *Evaluating Confidence Interval
Methods for Binomial Proportions in Clustered Surveys*, 2015). It stays within its ends, it keeps its promise for few
images and near 0 and 1, where the plain percentiles of a bootstrap do not, and it has a width where every answer is
right (``benchmarks/interval_coverage.py``).

An error from 0 up (log loss, mean absolute error, …) has one that is even on the scale of its logarithm (Davison and
Hinkley, *Bootstrap Methods and their Application*, 1997, section 5.2): errors are skewed, a few images make most of
them. Any other figure has percentiles, as wide as Student's distribution asks (Hesterberg, *What Teachers Should Know
about the Bootstrap*, The American Statistician 69, 2015).
"""

import math
from typing import Any

import numpy as np

from sightline.evaluation.quantiles import normal_share, student_quantile
from sightline.evaluation.resample import Floats
from sightline.shares import score_bounds

Interval = dict[str, Any]
"""``value``, ``low`` and ``high``; all of them ``None`` and ``why`` where the figure is not defined, the ends alone
where it is and its spread is not known."""
ENDS: dict[str, tuple[float, float]] = {"mcc": (-1.0, 1.0), "kappa": (-1.0, 1.0), "brier": (0.0, 2.0)}
"""Least and largest value of figures that are no shares of 1."""

WHY_ALONE = "one image, or one group of them, does not tell how far the figure varies"


def undefined(why: str) -> Interval:
    """A figure that cannot be computed, with the reason."""
    return {"value": None, "low": None, "high": None, "why": why}


def share_interval(
    value: float,
    drawn: Floats,
    *,
    confidence: float,
    freedom: float,
    alone: float,
    ends: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """A figure with two ends and its interval.

    Args:
        value: of the images as they are.
        drawn: of each resample; those in which it is not defined (NaN) do not count.
        confidence: share of such intervals that cover the truth, 0-1.
        freedom: degrees of freedom of the variance.
        alone: how many images the figure rests on; counts where the resamples do not differ.
        ends: least and largest value.
    """
    low, high = ends
    width = high - low
    share = float(value - low) / width
    known = drawn[np.isfinite(drawn)]
    variance = float(known.var()) / width**2 if len(known) > 1 else 0.0
    bend = share * (1 - share)
    count = bend / variance if variance > 1e-15 and bend > 1e-12 else alone
    quantile = student_quantile((1 + confidence) / 2, freedom)
    bounds = score_bounds(share, max(count, 1e-9), quantile)
    return {"value": float(value), "low": low + width * bounds[0], "high": low + width * bounds[1]}


def without(value: float, why: str = WHY_ALONE) -> Interval:
    """A figure without an interval, such as one that rests on one image or one group: its resamples cannot differ."""
    return {"value": float(value), "low": None, "high": None, "why": why}


def error_interval(value: float, drawn: Floats, *, confidence: float, freedom: float, alone: float) -> Interval:
    """A figure from 0 up and its interval; NaN among its resamples do not count. ``alone`` as in ``share_interval``."""
    known = drawn[np.isfinite(drawn)]
    if alone < 2 or not value > 0 or not len(known):
        return spread_interval(value, drawn, confidence=confidence, freedom=freedom, alone=alone)
    reach = student_quantile((1 + confidence) / 2, freedom) * float(known.std()) / float(value)
    factor = math.exp(min(reach, 700.0))
    return {"value": float(value), "low": float(value) / factor, "high": float(value) * factor}


def spread_interval(value: float, drawn: Floats, *, confidence: float, freedom: float, alone: float) -> Interval:
    """A figure without ends and the percentiles of its resamples; NaN among these do not count."""
    if alone < 2:
        return without(value)
    known = drawn[np.isfinite(drawn)]
    known = known if len(known) else np.asarray([value], np.float64)
    edge = normal_share(-student_quantile((1 + confidence) / 2, freedom))
    low, high = np.quantile(known, [edge, 1 - edge])
    return {"value": float(value), "low": min(float(low), float(value)), "high": max(float(high), float(value))}


def difference(one: Interval, other: Interval) -> Interval:
    """``one - other`` of independent images, from the interval of each (Newcombe 1998; Zou and Donner 2008)."""
    gap = one["value"] - other["value"]
    below = math.hypot(one["value"] - one["low"], other["high"] - other["value"])
    above = math.hypot(one["high"] - one["value"], other["value"] - other["low"])
    return {"value": gap, "low": gap - below, "high": gap + above}
