"""Figures of a model, computed from stored predictions and nothing else.

Every headline figure carries an interval that comes of drawing the images again (Efron, 1979): ``design`` says how they
are drawn, ``intervals`` what is made of the spread. One set of draws serves all the figures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import DataError
from sightline.evaluation.class_figures import Totals, f1, precision, recall
from sightline.evaluation.class_resamples import headline_figures, rank_figures_of_classes
from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.label_metrics import figures_of_labels
from sightline.evaluation.number_metrics import figures_of_numbers
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Counts, Floats


def measure(
    predictions: Predictions,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    train_counts: Sequence[int] | NDArray[np.integer[Any]],
    train_images: int | None = None,
    design: Design = IMAGES,
) -> dict[str, Any]:
    """All figures as a JSON-ready dictionary. The same arguments give the same dictionary, intervals included.

    Those of labels are in ``label_metrics``, those of numbers in ``number_metrics``; for one class an image:
    Images whose label is not known take no part; ``unlabelled`` says how many. All figures are scikit-learn's. One that
    is not defined is ``None``, and ``why`` beside it says the reason; in macro and weighted means of precision, recall
    and F1 it counts 0, as in scikit-learn. Macro means go over the classes that occur among the labels or the answers;
    those of ROC AUC and average precision over the classes that have images and are not all of them.

    Args:
        predictions: what the model said.
        resamples: bootstrap resamples behind each interval.
        confidence: share of such intervals that cover the truth, 0-1.
        seed: seed of the resampling.
        train_counts: images of each class in the training part: the baseline always answers the largest class. Of
            labels: images that have each, and the baseline answers those that more than half have.
        train_images: images in the training part, for labels; where missing, their baseline gives none.
        design: how images are drawn again; its rows are those of the predictions.

    Raises:
        DataError: no image has a label, a number is none, or ``train_counts`` has another number of classes.
    """
    _refuse(predictions, len(train_counts))
    how: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed, "design": design}
    if predictions.kind == "numbers":
        return figures_of_numbers(predictions, **how)
    if predictions.kind == "labels":
        usual = np.asarray(train_counts) * 2 > (train_images or np.inf)
        return figures_of_labels(predictions, **how, usual=usual)
    return _figures_of_classes(predictions, int(np.argmax(train_counts)), **how)


def _figures_of_classes(
    predictions: Predictions, majority: int, *, resamples: int, confidence: float, seed: int, design: Design
) -> dict[str, Any]:
    classes, known = predictions.classes, predictions.labels >= 0
    labels = predictions.labels[known]
    matrix = confusion_matrix(labels, predictions.predicted[known], len(classes))
    how: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed, "design": design.take(known)}
    found = headline_figures(predictions, known, majority, **how)
    ranks = rank_figures_of_classes(predictions.logits[known], labels, **how)
    truth_scores = predictions.log_probabilities[known, predictions.labels[known]]
    baseline = found.pop("baseline")
    rows = per_class(matrix, classes)
    for place, row in enumerate(rows):
        row |= {"roc_auc": _known(ranks.areas[place]), "average_precision": _known(ranks.averages[place])}
        row["why"] = _why_of_class(row)
    return {
        "part": predictions.part,
        "n": int(known.sum()),
        "unlabelled": int((~known).sum()),
        **found,
        **ranks.headline,
        "log_loss": float(-truth_scores.mean()),
        "baseline": {"class": classes[majority], "accuracy": baseline},
        "confidence": confidence,
        "resamples": resamples,
        "drawn": design.how,
        "classes": list(classes),
        "per_class": rows,
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
    if predictions.truths is not None and not np.isfinite(predictions.truths).all():
        row = int(np.flatnonzero(~np.isfinite(predictions.truths).all(axis=1))[0])
        raise DataError(
            "a truth to measure against is no finite number", where=predictions.paths[row],
            got=predictions.truths[row].tolist(), hint="correct the table, or leave the image out",
        )  # fmt: skip


def confusion_matrix(labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int) -> Counts:
    """How often each true class (row) was given each answer (column): int64 ``[classes, classes]``."""
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def per_class(matrix: Counts, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of images of each class, in class order; ``None``: not defined."""
    own = Totals.of(matrix)
    columns: tuple[Floats, ...] = (precision(own), recall(own), f1(own))
    return [
        {"class": name, "precision": _known(p), "recall": _known(r), "f1": _known(f), "support": int(s)}
        for name, p, r, f, s in zip(classes, *columns, own.true, strict=True)
    ]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _why_of_class(row: dict[str, Any]) -> dict[str, str]:
    """Why those figures of a class are not defined that are not."""
    none = "no image is of this class"
    words = {
        "precision": "no image was given this class",
        "recall": none,
        "f1": "no image is of this class or was given it",
        "roc_auc": none if not row["support"] else "all images are of this class",
        "average_precision": none,
    }
    return {key: why for key, why in words.items() if row[key] is None}
