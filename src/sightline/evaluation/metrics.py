"""Figures of a model, computed from stored predictions and nothing else.

Every headline figure carries a percentile bootstrap interval (Efron, 1979): the images are drawn again with
replacement, many times over. Where every answer is right, or every one wrong, the bootstrap has no width, and accuracy
carries the exact binomial bound. All the figures depend on the images only through the confusion matrix, so a resample
of the images is one multinomial draw of its cells, and thousands of them are a few array operations.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import DataError
from sightline.evaluation.label_metrics import figures_of_labels
from sightline.evaluation.number_metrics import figures_of_numbers
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import CELLS_AT_ONCE, Counts, bounded, draw, interval


def measure(
    predictions: Predictions,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    train_counts: Sequence[int] | NDArray[np.integer[Any]],
    train_images: int | None = None,
) -> dict[str, Any]:
    """All figures as a JSON-ready dictionary. The same arguments give the same dictionary, intervals included.

    Those of labels are in ``label_metrics``, those of numbers in ``number_metrics``; for one class an image:
    Images whose label is not known take no part; ``unlabelled`` says how many. Precision, recall and F1 are
    scikit-learn's, with 0 where nothing can be divided; macro F1 averages over the classes that occur among the
    labels or the predictions.

    Args:
        predictions: what the model said.
        resamples: bootstrap resamples behind each interval.
        confidence: share of the resamples that an interval covers, 0-1.
        seed: seed of the resampling.
        train_counts: images of each class in the training part: the baseline always answers the largest class. Of
            labels: images that have each, and the baseline answers those that more than half have.
        train_images: images in the training part, for labels; where missing, their baseline gives none.

    Raises:
        DataError: no image has a label, or ``train_counts`` has another number of classes.
    """
    _refuse(predictions, len(train_counts))
    how: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed}
    if predictions.kind == "numbers":
        return figures_of_numbers(predictions, **how)
    if predictions.kind == "labels":
        usual = np.asarray(train_counts) * 2 > (train_images or np.inf)
        return figures_of_labels(predictions, **how, usual=usual)
    return _figures_of_classes(predictions, **how, train_counts=train_counts)


def _figures_of_classes(
    predictions: Predictions,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    train_counts: Sequence[int] | NDArray[np.integer[Any]],
) -> dict[str, Any]:
    classes, known = predictions.classes, predictions.labels >= 0
    matrix = confusion_matrix(predictions.labels[known], predictions.predicted[known], len(classes))
    majority = int(np.argmax(train_counts))
    truth_scores = predictions.log_probabilities[known, predictions.labels[known]]
    drawn = _resampled(matrix, majority, resamples, seed)
    once = _figures(_Totals.of(matrix), majority)
    accuracy, macro_f1, baseline = (interval(once[name], drawn[name], confidence) for name in once)
    accuracy = bounded(accuracy, int(known.sum()), confidence)
    return {
        "part": predictions.part,
        "n": int(known.sum()),
        "unlabelled": int((~known).sum()),
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "log_loss": float(-truth_scores.mean()),
        "baseline": {"class": classes[majority], "accuracy": baseline},
        "confidence": confidence,
        "resamples": resamples,
        "classes": list(classes),
        "per_class": per_class(matrix, classes),
        "confusion_matrix": matrix.tolist(),
        "weights_sha256": predictions.weights_sha256,
    }


def _refuse(predictions: Predictions, counted: int) -> None:
    """Refuse what cannot be measured."""
    if counted != len(predictions.classes):
        raise DataError(
            "training counts do not fit the classes",
            where=predictions.part,
            got=counted,
            allowed=[len(predictions.classes)],
        )
    if not len(predictions) or (predictions.kind == "class" and not (predictions.labels >= 0).any()):
        raise DataError(
            "nothing to measure: no image has a label",
            where=predictions.part,
            hint="give data with labels, or use sightline predict",
        )


def confusion_matrix(labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int) -> Counts:
    """How often each true class (row) was given each answer (column): int64 ``[classes, classes]``."""
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def per_class(matrix: Counts, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of images of each class, in class order."""
    hits, true, given = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    columns = (_ratio(hits, given), _ratio(hits, true), _ratio(2 * hits, true + given), true)
    return [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for name, p, r, f, s in zip(classes, *columns, strict=True)
    ]


@dataclasses.dataclass(frozen=True)
class _Totals:
    """What the figures need of a confusion matrix, for one matrix or for many: each ``[…, classes]``."""

    hits: Counts
    true: Counts
    given: Counts

    @classmethod
    def of(cls, matrix: Counts) -> "_Totals":
        return cls(matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0))


def _figures(totals: _Totals, majority: int) -> dict[str, NDArray[np.float64]]:
    """The headline figures over the last axis; their order is that in which ``measure`` unpacks them."""
    images = totals.true.sum(axis=-1)
    present = (totals.true + totals.given > 0).sum(axis=-1)
    f1 = _ratio(2 * totals.hits, totals.true + totals.given)
    return {
        "accuracy": totals.hits.sum(axis=-1) / images,
        "macro_f1": f1.sum(axis=-1) / present,
        "baseline": totals.true[..., majority] / images,
    }


def _resampled(matrix: Counts, majority: int, resamples: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """The headline figures of each resample, ``[resamples]`` each."""
    generator = np.random.default_rng(seed)
    true, given = np.nonzero(matrix)
    counts = matrix[true, given]
    classes = len(matrix)
    pieces: list[dict[str, NDArray[np.float64]]] = []
    left = resamples
    while left:
        rows = min(left, max(1, CELLS_AT_ONCE // len(counts)))
        drawn = draw(generator, counts, rows)
        right = np.where(true == given, drawn, 0)
        sums = (_sums(right, true, classes), _sums(drawn, true, classes), _sums(drawn, given, classes))
        pieces.append(_figures(_Totals(*sums), majority))
        left -= rows
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _sums(drawn: Counts, classes_of_cells: NDArray[np.int64], classes: int) -> Counts:
    """Sum the cells (last axis) that belong to each class: ``[rows, cells]`` to ``[rows, classes]``."""
    order = np.argsort(classes_of_cells, kind="stable")
    present, starts = np.unique(classes_of_cells[order], return_index=True)
    sums = np.zeros((len(drawn), classes), np.int64)
    sums[:, present] = np.add.reduceat(drawn[:, order], starts, axis=1)
    return sums


def _ratio(part: Counts, whole: Counts) -> NDArray[np.float64]:
    """``part / whole``, and 0 where ``whole`` is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0)
