"""Figures of numbers, in their units. All are scikit-learn's; over several numbers they are plain means."""

from typing import Any

import numpy as np

from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.intervals import Interval, error_interval, spread_interval, undefined
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats

DRAWN = ("mae", "rmse", "mse", "r2", "bias")
"""Mean absolute error, root of the mean squared error, mean squared error, coefficient of determination, and the mean
of what was said minus what is true. The median and the largest error have no interval."""
_INTERVALS = {name: spread_interval if name in ("r2", "bias") else error_interval for name in DRAWN}
WHY_NO_R2 = "the true numbers are all the same: there is nothing to explain"


def figures_of_numbers(
    predictions: Predictions, *, resamples: int, confidence: float, seed: int, design: Design = IMAGES
) -> dict[str, Any]:
    """All figures as a JSON-ready dictionary.

    The baseline always answers the mean of the training part.

    Args:
        predictions: what the model said of numbers.
        resamples: bootstrap resamples behind each interval.
        confidence: share of such intervals that cover the truth, 0-1.
        seed: seed of the resampling.
        design: how the images are drawn again.
    """
    true, said = predictions.targets.astype(np.float64), predictions.logits.astype(np.float64)
    middle = np.broadcast_to(np.asarray(predictions.mean, np.float32).astype(np.float64), true.shape)
    (images, count), how = true.shape, {"freedom": design.freedom(len(true)), "alone": design.units(len(true))}
    sums = (Errors(true, said), Errors(true, middle))
    once = [own.figures(np.ones((1, images))) for own in sums]
    pieces = [[own.figures(rows) for own in sums] for rows in design.weights(images, resamples, seed)]
    drawn = [{name: np.concatenate([piece[side][name] for piece in pieces]) for name in DRAWN} for side in (0, 1)]

    def told(side: int, name: str, place: int | None) -> Interval:
        value, many = once[side][name][0], drawn[side][name]
        value, many = (value.mean(), many.mean(axis=1)) if place is None else (value[place], many[:, place])
        if not np.isfinite(value):
            return undefined(WHY_NO_R2)
        return _INTERVALS[name](value, many, confidence=confidence, **how)

    units, off = predictions.units or ("",) * count, sums[0].absolute
    plain = {"median_error": np.median(off, axis=0), "largest_error": off.max(axis=0)}
    return {
        "kind": "numbers",
        "part": predictions.part,
        "n": images,
        "unlabelled": 0,
        **{name: told(0, name, None) for name in DRAWN},
        **{name: float(values.mean()) for name, values in plain.items()},
        "baseline": {"values": middle[0].tolist(), **{name: told(1, name, None) for name in ("mae", "rmse")}},
        "confidence": confidence,
        "resamples": resamples,
        "drawn": design.how,
        "classes": list(predictions.classes),
        "per_target": [
            {"target": predictions.classes[place], "unit": units[place], "baseline_mae": told(1, "mae", place)}
            | {name: told(0, name, place) for name in DRAWN}
            | {name: float(values[place]) for name, values in plain.items()}
            for place in range(count)
        ],
        "weights_sha256": predictions.weights_sha256,
    }


class Errors:
    """What the figures need of each image, so that a resample is a product of matrices.

    Args:
        true: ``[images, targets]``.
        said: the same, by a model.
    """

    def __init__(self, true: Floats, said: Floats):
        self.error = said - true
        self.squared, self.absolute = self.error**2, np.abs(self.error)
        self.centered = true - true.mean(axis=0)  # else the variance of large numbers is what rounding leaves
        self.flat = (true == true[:1]).all(axis=0)

    def figures(self, weights: Floats) -> dict[str, Floats]:
        """Each figure of ``DRAWN`` ``[rows, targets]`` for weights ``[rows, images]``; NaN: not defined."""
        images = weights.sum(axis=1, keepdims=True)
        mse, mae = weights @ self.squared / images, weights @ self.absolute / images
        middle = weights @ self.centered / images
        variance = np.maximum(weights @ self.centered**2 / images - middle**2, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            r2 = np.where((variance > 0) & ~self.flat, 1 - mse / variance, np.nan)
        return {"mae": mae, "rmse": np.sqrt(mse), "mse": mse, "r2": r2, "bias": weights @ self.error / images}
