"""Figures of numbers, in their units. All are scikit-learn's; over several numbers they are plain means."""

from typing import Any

import numpy as np

from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats, drawn_images, interval

NAMES = ("mae", "rmse", "mse", "r2")
"""Mean absolute error, root of the mean squared error, mean squared error, coefficient of determination."""


def figures_of_numbers(predictions: Predictions, *, resamples: int, confidence: float, seed: int) -> dict[str, Any]:
    """All figures as a JSON-ready dictionary.

    The baseline always answers the mean of the training part.

    Args:
        predictions: what the model said of numbers.
        resamples: bootstrap resamples behind each interval.
        confidence: share of the resamples that an interval covers, 0-1.
        seed: seed of the resampling.
    """
    true, said = predictions.targets.astype(np.float64), predictions.logits.astype(np.float64)
    middle = np.broadcast_to(np.asarray(predictions.mean, np.float32).astype(np.float64), true.shape)
    images, count = true.shape
    sums = (Errors(true, said), Errors(true, middle))
    once = [own.figures(np.ones((1, images))) for own in sums]
    pieces = [[own.figures(rows) for own in sums] for rows in drawn_images(images, resamples, seed)]
    drawn = [{name: np.concatenate([piece[side][name] for piece in pieces]) for name in NAMES} for side in (0, 1)]

    def told(side: int, name: str, place: int | None) -> dict[str, float]:
        value, many = once[side][name][0], drawn[side][name]
        pick = (value.mean(), many.mean(axis=1)) if place is None else (value[place], many[:, place])
        return interval(*pick, confidence)

    units = predictions.units or ("",) * count
    return {
        "kind": "numbers",
        "part": predictions.part,
        "n": images,
        "unlabelled": 0,
        **{name: told(0, name, None) for name in NAMES},
        "baseline": {"values": middle[0].tolist(), **{name: told(1, name, None) for name in ("mae", "rmse")}},
        "confidence": confidence,
        "resamples": resamples,
        "classes": list(predictions.classes),
        "per_target": [
            {"target": predictions.classes[place], "unit": units[place], "baseline_mae": told(1, "mae", place)}
            | {name: told(0, name, place) for name in NAMES}
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
        error = said - true
        self.squared, self.absolute = error**2, np.abs(error)
        self.centered = true - true.mean(axis=0)  # else the variance of large numbers is what rounding leaves

    def figures(self, weights: Floats) -> dict[str, Floats]:
        """Each figure ``[rows, targets]`` for weights ``[rows, images]``."""
        images = weights.sum(axis=1, keepdims=True)
        mse, mae = weights @ self.squared / images, weights @ self.absolute / images
        middle = weights @ self.centered / images
        variance = np.maximum(weights @ self.centered**2 / images - middle**2, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            r2 = np.where(variance > 0, 1 - mse / variance, np.where(mse > 0, 0.0, 1.0))
        return {"mae": mae, "rmse": np.sqrt(mse), "mse": mse, "r2": r2}
