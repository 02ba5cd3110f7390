"""What one model said of a list of images, as columns from which any resample of the images is measured at once."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import Kind, joined
from sightline.evaluation.label_metrics import jaccard
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.ranks import FEWEST, RANKED_AT_MOST, Ranked, mean_of_known
from sightline.evaluation.resample import Floats

PRIMARY: dict[Kind, str] = {"class": "accuracy", "labels": "jaccard", "numbers": "mae"}
"""The figure that models are told apart by: the mean of one number an image."""
LOWER = frozenset({"log_loss", "mae", "rmse"})
"""Figures of which less is better."""


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """One model's answers, judged image by image."""

    score: Floats
    """Each image's share in the primary figure, ``[n]``: 1 for a right answer, the Jaccard index of the labels, or the
    mean absolute error of the numbers."""
    right: NDArray[np.bool_] | None
    """Whether each answer is right, every label of it; ``None`` for numbers, of which no answer is."""
    answers: tuple[str, ...]
    """Each answer as a table holds it."""
    figures: Callable[[Floats], dict[str, Floats]]
    """Weights of the images ``[rows, n]`` to each figure ``[rows]``."""


def judged(predictions: Predictions) -> Judged:
    """Judge what a model said; every image must have a truth."""
    return {"class": _classes, "labels": _labels, "numbers": _numbers}[predictions.kind](predictions)


def truths_told(predictions: Predictions) -> list[str]:
    """The truth of each image as a table holds it."""
    if predictions.kind == "class":
        return [predictions.classes[label] if label >= 0 else "" for label in predictions.labels.tolist()]
    if predictions.kind == "numbers":
        return [joined([str(value) for value in row]) for row in predictions.targets]
    return _names(predictions.targets > 0.5, predictions.classes)


def _classes(own: Predictions) -> Judged:
    rows, count = np.arange(len(own)), len(own.classes)
    right = own.predicted == own.labels
    losses = -own.log_probabilities[rows, own.labels]

    def figures(weights: Floats) -> dict[str, Floats]:
        images = weights.sum(axis=1)
        hits, true, given = (
            np.stack([np.bincount(column, row * kept, count) for row in weights])
            for column, kept in ((own.labels, right), (own.labels, 1), (own.predicted, 1))
        )
        there = true + given > 0
        f1 = np.divide(2 * hits, true + given, out=np.zeros_like(true), where=there)
        recall = np.divide(hits, true, out=np.zeros_like(true), where=true > 0)
        return {
            "accuracy": weights @ right / images,
            "balanced_accuracy": recall.sum(axis=1) / np.maximum((true > 0).sum(axis=1), 1),
            "macro_f1": f1.sum(axis=1) / np.maximum(there.sum(axis=1), 1),
            "log_loss": weights @ losses / images,
        }

    answers = tuple(own.classes[place] for place in own.predicted.tolist())
    return Judged(right.astype(np.float64), right, answers, figures)


def _labels(own: Predictions) -> Judged:
    true, given = own.targets > 0.5, own.given
    agreed, right = jaccard(true, given), (true == given).all(axis=1)
    both, any_of = (true & given).astype(np.float64), true.astype(np.float64) + given
    labels = range(true.shape[1]) if true.size <= RANKED_AT_MOST // FEWEST else ()
    ranked = [Ranked(own.logits[:, place], true[:, place]) for place in labels]
    losses = np.logaddexp(0, np.where(true, -1, 1) * own.logits.astype(np.float64)).mean(axis=1)

    def figures(weights: Floats) -> dict[str, Floats]:
        images = weights.sum(axis=1)
        hits, sums = weights @ both, weights @ any_of
        f1 = np.divide(2 * hits, sums, out=np.zeros_like(sums), where=sums > 0)
        micro = np.divide(2 * hits.sum(1), sums.sum(1), out=np.zeros(len(sums)), where=sums.sum(1) > 0)
        found = {
            "jaccard": weights @ agreed / images,
            "exact_match": weights @ right / images,
            "micro_f1": micro,
            "macro_f1": f1.mean(axis=1),
            "log_loss": weights @ losses / images,
        }
        return found | ({"macro_ap": _mean_precision(ranked, weights)} if ranked else {})

    return Judged(agreed.astype(np.float64), right, tuple(_names(given, own.classes)), figures)


def _mean_precision(ranked: Sequence[Ranked], weights: Floats) -> Floats:
    """Mean average precision over the labels that some images have and others do not; 0 where there is none."""
    average, area = (np.stack(column, axis=1) for column in zip(*(one.areas(weights) for one in ranked), strict=True))
    return np.nan_to_num(mean_of_known(np.where(np.isfinite(area), average, np.nan)))


def _numbers(own: Predictions) -> Judged:
    true, said = own.targets.astype(np.float64), own.logits.astype(np.float64)
    absolute, squared, centered = np.abs(said - true), (said - true) ** 2, true - true.mean(axis=0)

    def figures(weights: Floats) -> dict[str, Floats]:
        images = weights.sum(axis=1, keepdims=True)
        mse = weights @ squared / images
        variance = np.maximum(weights @ centered**2 / images - (weights @ centered / images) ** 2, 0.0)
        unknown = np.where(mse > 0, 0.0, 1.0)
        share = np.divide(mse, variance, out=np.zeros_like(mse), where=variance > 0)
        return {
            "mae": (weights @ absolute / images).mean(axis=1),
            "rmse": np.sqrt(mse).mean(axis=1),
            "r2": np.where(variance > 0, 1 - share, unknown).mean(axis=1),
        }

    answers = tuple(joined([str(value) for value in row]) for row in own.logits)
    return Judged(absolute.mean(axis=1), None, answers, figures)


def _names(flags: NDArray[np.bool_], classes: tuple[str, ...]) -> list[str]:
    return [joined([name for name, on in zip(classes, row, strict=True) if on]) for row in flags.tolist()]
