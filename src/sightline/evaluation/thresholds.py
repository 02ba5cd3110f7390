"""From which probability on to believe a class or a label, for a precision or a recall that is wanted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats

LEVELS = (0.8, 0.9, 0.95, 0.99)
"""What precision or recall may be wanted."""


def threshold_table(predictions: Predictions) -> list[dict[str, Any]]:
    """For each class or label and each level: the threshold, and precision and recall of the images from it on.

    For a wanted precision it is the lowest threshold that reaches it, which finds most images; for a wanted recall the
    highest, which errs least. ``None``: no threshold reaches it. A threshold is the probability of an image, so that an
    image from it on counts (``>=``).
    """
    if predictions.kind == "labels":
        true = predictions.targets > 0.5
        likely = predictions.probabilities
    else:
        known = predictions.labels >= 0
        true = predictions.labels[known][:, None] == np.arange(len(predictions.classes))
        likely = predictions.probabilities[known]
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(predictions.classes):
        curve = precision_recall(likely[:, place], true[:, place])
        rows += [_row(name, wanted, level, curve) for wanted in ("precision", "recall") for level in LEVELS]
    return rows


def precision_recall(likely: Floats, true: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Distinct thresholds from the highest down, with precision and recall of what is at or above each."""
    order = np.argsort(-likely, kind="stable")
    ranked, flags = likely[order], true[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.zeros(0, np.int64)
    hits = np.cumsum(flags)[ends].astype(np.float64)
    have = max(1, int(true.sum()))
    return ranked[ends], hits / (ends + 1), hits / have


def _row(name: str, wanted: str, level: float, curve: tuple[Floats, Floats, Floats]) -> dict[str, Any]:
    thresholds, precision, recall = curve
    row: dict[str, Any] = {"class": name, "wanted": wanted, "level": level}
    found = np.flatnonzero((precision if wanted == "precision" else recall) >= level)
    found = found[recall[found] > 0]
    if not len(found):
        return row | {"threshold": None, "precision": None, "recall": None}
    place = int(found[-1] if wanted == "precision" else found[0])
    values = (float(column[place]) for column in (thresholds, precision, recall))
    return row | dict(zip(("threshold", "precision", "recall"), values, strict=True))
