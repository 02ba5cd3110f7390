"""The temperature of a classifier: one number that its logits are divided by, so that confidences mean what they say.

Fitted by the likelihood of validation images (Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017). It
changes no answer, as dividing keeps the order of the logits. In ``1 / T`` the loss is convex, so that there is one best
value. Its standard error is the sandwich estimate over the units of the design (White 1982; Liang and Zeger 1986);
where the interval of ``1 / T`` holds 1, the images do not show that anything is wrong, and the temperature stays 1.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.quantiles import student_quantile
from sightline.evaluation.resample import Floats

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures beyond which no number of images gives a sensible one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """What validation images say about the temperature."""

    temperature: float
    """What to divide the logits by; 1: leave them."""
    why: str
    """Why it is this one, in words."""
    images: int
    """With a label, that it was fitted on."""
    best: float | None = None
    """The likeliest temperature, also where it is not used; none: there is none."""
    low: float | None = None
    """Lower end of its interval."""
    high: float | None = None
    """Upper end of its interval; none: there is no upper end."""
    log_loss_before: float | None = None
    """Log loss of these images with the logits as they are."""
    log_loss_after: float | None = None
    """The same with the temperature."""


def fit_temperature(
    logits: NDArray[np.float32], labels: NDArray[np.integer[Any]], *, confidence: float = 0.95, design: Design = IMAGES
) -> Fitted:
    """The temperature that makes these labels likeliest.

    Args:
        logits: ``[images, classes]``.
        labels: place of the true class of each; images with -1 do not count.
        confidence: of the interval that must not hold 1.
        design: which images depend on one another.
    """
    known = labels >= 0
    values, truth, design = logits[known].astype(np.float64), labels[known], design.take(known)
    images = len(values)
    if images < 2:
        return Fitted(temperature=1.0, why="fewer than two validation images have a label", images=images)
    before = _loss(values, truth, 1.0)
    if _slope(values, truth, 1 / COLDEST).mean() <= 0:
        why = "no validation image is wrong by much: any colder temperature would fit better, so none can be told"
        return Fitted(temperature=1.0, why=why, images=images, log_loss_before=before, log_loss_after=before)
    if _slope(values, truth, 1 / HOTTEST).mean() >= 0:
        why = "the answers are no better than guessing: no temperature makes them sensible"
        return Fitted(temperature=1.0, why=why, images=images, log_loss_before=before, log_loss_after=before)
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _slope(values, truth, middle).mean() < 0 else (low, middle)
    scale = math.sqrt(low * high)
    error = _standard_error(values, truth, scale, design)
    reach = student_quantile((1 + confidence) / 2, design.freedom(images)) * error
    least, most = scale - reach, scale + reach
    used = not least <= 1 <= most
    told = f"{1 / scale:.3g} fits {images} validation images best"
    why = told if used else f"{told}, but so few cannot tell it from 1"
    return Fitted(
        temperature=1 / scale if used else 1.0, why=why, images=images, best=1 / scale,
        low=1 / most, high=1 / least if least > 0 else None,
        log_loss_before=before, log_loss_after=_loss(values, truth, scale if used else 1.0),
    )  # fmt: skip


def _softmax(values: Floats, scale: float) -> Floats:
    powers = np.exp((values - values.max(axis=1, keepdims=True)) * scale)
    return powers / powers.sum(axis=1, keepdims=True)


def _loss(values: Floats, truth: NDArray[np.integer[Any]], scale: float) -> float:
    shifted = (values - values.max(axis=1, keepdims=True)) * scale
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(truth)), truth]).mean())


def _slope(values: Floats, truth: NDArray[np.integer[Any]], scale: float) -> Floats:
    """Derivative of each image's loss by the scale ``1 / T``: the mean logit less the true one."""
    return (_softmax(values, scale) * values).sum(axis=1) - values[np.arange(len(truth)), truth]


def _standard_error(values: Floats, truth: NDArray[np.integer[Any]], scale: float, design: Design) -> float:
    likely, slopes = _softmax(values, scale), _slope(values, truth, scale)
    middle = (likely * values).sum(axis=1, keepdims=True)
    curve = float((likely * (values - middle) ** 2).sum())
    sums, units = slopes, len(slopes)
    if design.how == "groups" and design.codes is not None:
        _, codes = np.unique(design.codes, return_inverse=True)
        sums, units = np.bincount(codes, weights=slopes), int(codes.max()) + 1
    spread = float((sums**2).sum()) * units / max(1, units - 1)
    return math.sqrt(spread) / curve if curve > 0 else math.inf
