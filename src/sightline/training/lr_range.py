"""The learning-rate range test: a short training whose rate rises until it diverges, and what its losses propose.

Smith, "Cyclical learning rates for training neural networks", WACV 2017. The proposal is half the rate at which the
smoothed loss is least: of the customary ways to read such a sweep it came closest to the best of a grid of trainings
(``benchmarks/learning_rates.py``); the rate of the steepest fall, which others propose, was ten times too low.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.errors import TrainingError

DIVERGED = 4.0
"""The sweep ends when the loss is so many times the least so far."""
_BLUR = 1 / 25  # standard deviation of the smoothing, as a share of the sweep
_EDGE = 1 / 10  # share of the sweep at its beginning that is too noisy to propose
_FALL = 0.02  # the least fall of the smoothed loss, as a share of it, that shows that anything was learnt
_NOISE = 4.0  # and in standard errors: the least of many noisy values lies some below their mean


def ramp(low: float, high: float, steps: int) -> Callable[[int], float]:
    """From the step to a learning rate that rises by the same factor each step, ``high`` at step ``steps - 1``."""
    return lambda step: low * (high / low) ** (step / max(1, steps - 1))


def diverged(losses: Sequence[float]) -> bool:
    """Whether a sweep with these losses need not go on."""
    return not math.isfinite(losses[-1]) or losses[-1] > DIVERGED * min(losses)


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """A finished sweep."""

    rates: NDArray[np.float64]
    """Learning rate of each step ``[n]``, rising."""
    losses: NDArray[np.float64]
    """Mean training loss of each step ``[n]``; the last one may be the one that diverged."""
    smooth: NDArray[np.float64]
    """The losses, smoothed over neighbours on both sides ``[n]``."""
    steepest: float
    """The rate at which the smoothed loss falls fastest."""
    lowest: float
    """The rate at which it is least."""
    proposed: float
    """Half of ``lowest``."""
    rises: bool
    """Whether the loss rises again within the sweep; otherwise a higher rate may be better."""


def judge(rates: Sequence[float], losses: Sequence[float]) -> Sweep:
    """What a sweep shows.

    Args:
        rates: learning rate of each step, rising by a constant factor.
        losses: mean training loss of each step; those after the first that is not finite are left out.

    Raises:
        TrainingError: the loss never fell, or too few steps were made before it diverged.
    """
    finite = np.isfinite(losses)
    count = len(losses) if finite.all() else int(np.argmin(finite))
    own, values = np.asarray(rates[:count], float), np.asarray(losses[:count], float)
    if count < 10:
        raise TrainingError(
            "the loss diverged before the sweep could show anything", where="train.lr",
            got=f"{count} steps, to a rate of {rates[max(0, count - 1)]:.3g}",
            hint="begin lower: give a smaller -s train.lr=…, which the sweep lies around",
        )  # fmt: skip
    smooth, error = _smoothed(values)
    first = int(_EDGE * count)
    least = first + int(np.argmin(smooth[first:]))
    start = float(smooth[: first + 1].max())
    if least <= first or smooth[least] > start - max(_FALL * abs(start), _NOISE * error):
        raise TrainingError(
            "the loss did not fall at any rate of the sweep", where="train.lr",
            got=f"{start:.4g} at the beginning, {smooth[least]:.4g} at the least, rates {own[0]:.3g} to {own[-1]:.3g}",
            hint="look at the picture; give another -s train.lr=… that the sweep lies around, or more --steps",
        )  # fmt: skip
    slopes = np.gradient(smooth, np.log10(own))
    steepest = first + int(np.argmin(slopes[first : least + 1]))
    rates_found = (own[steepest], own[least], own[least] / 2)
    return Sweep(own, values, smooth, *map(_rounded, rates_found), rises=count < len(losses) or least < count - 1)


def _smoothed(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Weighted means over neighbours on both sides, so that nothing moves along the sweep, and their standard error.

    A blow-up counts as four times the least. The noise of a step is taken from the differences of neighbours.
    """
    tame = np.minimum(values, DIVERGED * values.min()) if values.min() > 0 else values
    places = np.arange(len(values))
    weights = np.exp(-0.5 * ((places[:, None] - places) / max(1.0, _BLUR * len(values))) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    noise = float(np.median(np.abs(np.diff(tame)))) / (0.6745 * math.sqrt(2))
    return weights @ tame, noise * float(np.sqrt((weights**2).sum(axis=1)).max())


def _rounded(rate: float | np.float64) -> float:
    return float(f"{rate:.2g}")
