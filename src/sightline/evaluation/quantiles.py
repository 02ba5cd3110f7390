"""Quantiles of the normal and of Student's distribution, without the second that importing SciPy takes."""

import math
from statistics import NormalDist

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_MANY = 1000
"""Degrees of freedom from which on the first terms of a series are exact (Abramowitz and Stegun, 26.7.5)."""


def normal_quantile(share: float) -> float:
    """The point below which ``share`` (0-1) of a standard normal distribution lies."""
    return NormalDist().inv_cdf(share)


def normal_share(point: float) -> float:
    """Share of a standard normal distribution below a point."""
    return NormalDist().cdf(point)


def student_quantile(share: float, freedom: float) -> float:
    """The point below which ``share`` (0.5-1) of Student's distribution lies.

    Args:
        share: 0.5 to below 1.
        freedom: degrees of freedom, from 1 up.
    """
    if freedom >= _MANY:
        z = normal_quantile(share)
        second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        return z + (z**3 + z) / (4 * freedom) + second
    if freedom == 1:
        return math.tan(math.pi * (share - 0.5))
    if freedom == 2:
        return (2 * share - 1) * math.sqrt(2 / (4 * share * (1 - share)))
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _share_below(middle, freedom) < share else (low, middle)
    return math.tan((low + high) / 2) * math.sqrt(freedom)


def _share_below(angle: float, freedom: float) -> float:
    """Share of Student's distribution below ``tan(angle) sqrt(freedom)``: there its density is a power of a cosine."""
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(math.pi) / 2
    # The whole mass lies within some widths of the middle; further out there is nothing to add up.
    end = min(angle, 12 / math.sqrt(freedom + 1)) if freedom > 60 else angle
    points = (np.asarray(_NODES) + 1) * end / 2
    density = np.exp(log_scale + (freedom - 1) * np.log(np.cos(points)))
    return 0.5 + float((np.asarray(_WEIGHTS) * density).sum()) * end / 2
