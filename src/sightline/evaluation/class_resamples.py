"""The headline figures of one class an image, with their intervals."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.class_figures import FIGURES, WHY, Totals
from sightline.evaluation.design import Design
from sightline.evaluation.intervals import ENDS, Interval, error_interval, share_interval, undefined, without
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.ranks import Ranked, mean_of_known, odds_against_rest, rows_to_rank
from sightline.evaluation.resample import Floats

TOP = (2, 3, 5, 10)
"""Answers that top-k accuracy may look at, where there are more classes than that."""
MEANS_OVER_CLASSES = ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1")


def headline_figures(
    predictions: Predictions,
    known: NDArray[np.bool_],
    majority: int,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    design: Design,
) -> dict[str, Any]:
    """Every figure of right and wrong answers with its interval, by key; ``baseline`` is an accuracy.

    Args:
        predictions: of one class an image.
        known: which of them have a label.
        majority: the class that the baseline always answers.
        resamples: how often the images are drawn again.
        confidence: share of such intervals that cover the truth.
        seed: of the resampling.
        design: how the images with a label are drawn.
    """
    labels, predicted = predictions.labels[known], predictions.predicted[known]
    classes, images = len(predictions.classes), int(known.sum())
    means = _means_of_images(predictions, known, majority)
    columns = np.stack(list(means.values()), axis=1)

    def of(weights: Floats) -> dict[str, Floats]:
        own = Totals.weighted(weights, labels, predicted, classes)
        found = {name: figure(own) for name, figure in FIGURES.items()}
        return found | dict(zip(means, (weights @ columns / weights.sum(axis=1, keepdims=True)).T, strict=True))

    once = of(np.ones((1, images)))
    pieces = [of(rows) for rows in design.weights(images, resamples, seed)]
    drawn = {name: np.concatenate([piece[name] for piece in pieces]) for name in once}
    freedom, alone = design.freedom(images), alone_of(labels, design)
    found: dict[str, Any] = {}
    for name, (value,) in once.items():
        if not np.isfinite(value):
            found[name] = undefined(WHY[name])
        elif name == "log_loss":
            found[name] = error_interval(
                value, drawn[name], confidence=confidence, freedom=freedom, alone=design.units(images)
            )
        else:
            rests = alone["classes" if name in MEANS_OVER_CLASSES else "images"]
            found[name] = share_interval(
                value, drawn[name], confidence=confidence, freedom=freedom, alone=rests, ends=ENDS.get(name, (0, 1))
            )
    top = {str(k): found.pop(f"top_{k}") for k in TOP if k < classes}
    return found | {"top_k": top, "log_loss_interval": found.pop("log_loss")}


def _means_of_images(predictions: Predictions, known: NDArray[np.bool_], majority: int) -> dict[str, Floats]:
    """What is a mean over the images, of each image."""
    labels, likely = predictions.labels[known], predictions.probabilities[known]
    rows = np.arange(len(labels))
    truth = likely[rows, labels]
    means = {f"top_{k}": place for k, place in zip(TOP, _within(predictions.logits[known], labels), strict=True)
             if k < likely.shape[1]}  # fmt: skip
    return means | {
        "baseline": (labels == majority).astype(np.float64),
        "brier": (likely**2).sum(axis=1) - truth**2 + (1 - truth) ** 2,
        "log_loss": -predictions.log_probabilities[known][rows, labels],
    }


def _within(logits: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> list[Floats]:
    """Whether the true class is among the first k answers, for each k; of equal logits the first class stands first."""
    own = logits[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(logits.shape[1]) < labels[:, None]
    place = ((logits > own) | ((logits == own) & earlier)).sum(axis=1)
    return [(place < k).astype(np.float64) for k in TOP]


def alone_of(labels: NDArray[np.integer[Any]], design: Design) -> dict[str, float]:
    """How many independent images a figure rests on where no resample differs from another.

    A mean over classes rests on the small ones most: its number is that of the variance of such a mean.
    """
    images = len(labels)
    sizes = np.unique(labels, return_counts=True)[1]
    share = design.units(images) / images
    return {"images": images * share, "classes": len(sizes) ** 2 / (1 / sizes).sum() * share}


@dataclasses.dataclass(frozen=True, eq=False)
class RankFigures:
    """What the ranks of the images say."""

    averages: Floats
    """Average precision of each class; NaN: not defined."""
    areas: Floats
    """Area under the ROC curve of each class against all others; NaN: not defined."""
    headline: dict[str, Interval]
    """Their means over the classes, and those of the second class where there are two."""


def rank_figures_of_classes(
    logits: NDArray[np.float32],
    labels: NDArray[np.integer[Any]],
    *,
    resamples: int,
    confidence: float,
    seed: int,
    design: Design,
) -> RankFigures:
    """ROC AUC of each class against the rest, average precision, and their means with intervals.

    Args:
        logits: ``[images, classes]``.
        labels: of each image.
        resamples: how often the images are drawn again.
        confidence: share of such intervals that cover the truth.
        seed: of the resampling.
        design: how the images are drawn.
    """
    images, classes = logits.shape
    odds, ones = odds_against_rest(logits), np.ones((1, images))
    once = np.stack([_ranked(odds, labels, place).areas(ones) for place in range(classes)], axis=-1)[:, 0]
    rows = rows_to_rank(images, classes, resamples)
    drawn = _drawn(odds, labels, design, rows, seed) if rows else None
    sizes = np.bincount(labels, minlength=classes).astype(np.float64)
    values = _means(once[:, None], sizes[None])[:, 0]
    rarer = np.minimum(sizes, images - sizes)[np.isfinite(once[1])]
    alone = len(rarer) ** 2 / (1 / rarer).sum() * design.units(images) / images if len(rarer) else 1.0
    headline: dict[str, Interval] = {}
    for place, (key, value) in enumerate(zip(_KEYS, values.tolist(), strict=True)):
        if key in _OF_TWO and classes != 2:
            continue
        if not np.isfinite(value):
            headline[key] = undefined("no class has both images of it and images of others")
        elif drawn is None:
            headline[key] = without(value, "too many images and classes to draw")
        else:
            freedom = design.freedom(images)
            headline[key] = share_interval(value, drawn[place], confidence=confidence, freedom=freedom, alone=alone)
    return RankFigures(once[0], once[1], headline)


_KEYS = ("macro_ap", "macro_auc", "weighted_ap", "weighted_auc", "average_precision", "roc_auc")
_OF_TWO = ("average_precision", "roc_auc")
"""Those of the second class, where there are two."""


def _drawn(odds: Floats, labels: NDArray[np.integer[Any]], design: Design, rows: int, seed: int) -> Floats:
    """The means of each resample, ``[6, rows]``."""
    classes, images = range(odds.shape[1]), len(labels)
    each = [_ranked(odds, labels, place) for place in classes]
    pieces: list[Floats] = []
    for weights in design.weights(images, rows, seed):
        sizes = np.stack([weights @ (labels == place) for place in classes], axis=-1)
        pieces.append(_means(np.stack([one.areas(weights) for one in each], axis=-1), sizes))
    return np.concatenate(pieces, axis=1)


def _ranked(odds: Floats, labels: NDArray[np.integer[Any]], place: int) -> Ranked:
    return Ranked(odds[:, place], labels == place)


def _means(both: Floats, sizes: Floats) -> Floats:
    """Macro and weighted means and the last class of ``[2, rows, classes]``: ``[6, rows]``.

    A class that all images are of has an average precision of 1, which says nothing: as in ROC AUC it is left out.
    """
    known = np.isfinite(both).all(axis=0)
    both = np.where(known, both, np.nan)
    return np.concatenate([mean_of_known(both), mean_of_known(both, sizes), both[..., -1]])
