"""Figures of several labels an image. All are scikit-learn's, with 0 where nothing can be divided.

Average precision and the area under the ROC curve of a label need images with it (and without it); where there are
none they are missing, and the means leave the label out.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats, bounded, drawn_images, interval

Flags = NDArray[np.bool_]


def figures_of_labels(
    predictions: Predictions, *, resamples: int, confidence: float, seed: int, usual: Flags
) -> dict[str, Any]:
    """All figures as a JSON-ready dictionary.

    Args:
        predictions: what the model said of labels.
        resamples: bootstrap resamples behind each interval.
        confidence: share of the resamples that an interval covers, 0-1.
        seed: seed of the resampling.
        usual: ``[labels]``: the labels that the baseline always gives.
    """
    true, given, images = predictions.targets > 0.5, predictions.given, len(predictions)
    always = np.broadcast_to(usual, true.shape)
    ranked = [Ranked(predictions.logits[:, place], true[:, place]) for place in range(true.shape[1])]
    once = _figures(np.ones((1, images)), true, given, always, ranked)
    pieces = [_figures(rows, true, given, always, ranked) for rows in drawn_images(images, resamples, seed)]
    drawn = {name: np.concatenate([piece[name] for piece in pieces]) for name in once}
    found = {name: interval(once[name][0], drawn[name], confidence) for name in once}
    found["exact_match"] = bounded(found["exact_match"], images, confidence)
    baseline = {"labels": [name for name, on in zip(predictions.classes, usual, strict=True) if on]}
    return {
        "kind": "labels",
        "part": predictions.part,
        "n": images,
        "unlabelled": 0,
        **{name: value for name, value in found.items() if name != "baseline"},
        "micro_ap": _finite(Ranked(predictions.logits.ravel(), true.ravel()).areas(np.ones((1, true.size)))[0][0]),
        "log_loss": float(np.logaddexp(0, np.where(true, -1, 1) * predictions.logits.astype(np.float64)).mean()),
        "threshold": predictions.threshold,
        "baseline": {**baseline, "jaccard": found["baseline"]},
        "confidence": confidence,
        "resamples": resamples,
        "classes": list(predictions.classes),
        "per_class": _per_label(predictions, true, given, ranked),
        "weights_sha256": predictions.weights_sha256,
    }


class Ranked:
    """Images in the order of their scores, the highest first; equal scores are one step.

    Args:
        scores: ``[images]``.
        true: whether each has the label, ``[images]``.
    """

    def __init__(self, scores: NDArray[np.floating[Any]], true: Flags):
        self.order = np.argsort(-scores, kind="stable")
        self.true = true[self.order].astype(np.float64)
        ranked = scores[self.order]
        self.ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))

    def areas(self, weights: Floats) -> tuple[Floats, Floats]:
        """Average precision and area under the ROC curve ``[rows]`` for weights ``[rows, images]``; NaN: undefined."""
        own = weights[:, self.order]
        hits = np.cumsum(own * self.true, axis=1)[:, self.ends]
        both = np.cumsum(own, axis=1)[:, self.ends]
        start = np.zeros((len(own), 1))
        more = np.diff(hits, axis=1, prepend=start)
        precision = _ratio(hits, both)
        misses = both - hits
        beyond = np.diff(misses, axis=1, prepend=start)
        before = np.concatenate([start, hits[:, :-1]], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            average = (more * precision).sum(axis=1) / hits[:, -1]
            area = (beyond * (hits + before) / 2).sum(axis=1) / (hits[:, -1] * misses[:, -1])
        return average, area


def _figures(weights: Floats, true: Flags, given: Flags, always: Flags, ranked: list[Ranked]) -> dict[str, Floats]:
    """The headline figures of each row of weights ``[rows, images]``: ``[rows]`` each."""
    images = weights.sum(axis=1)
    hits, have, got = (weights @ flags.astype(np.float64) for flags in (true & given, true, given))
    areas = [one.areas(weights) for one in ranked]
    average, area = (np.stack(column, axis=1) for column in zip(*areas, strict=True))
    wrong = (true != given).mean(axis=1)
    return {
        "jaccard": weights @ jaccard(true, given) / images,
        "exact_match": weights @ (true == given).all(axis=1) / images,
        "hamming_loss": weights @ wrong / images,
        "micro_precision": _ratio(hits.sum(axis=1), got.sum(axis=1)),
        "micro_recall": _ratio(hits.sum(axis=1), have.sum(axis=1)),
        "micro_f1": _ratio(2 * hits.sum(axis=1), (have + got).sum(axis=1)),
        "macro_precision": _ratio(hits, got).mean(axis=1),
        "macro_recall": _ratio(hits, have).mean(axis=1),
        "macro_f1": _ratio(2 * hits, have + got).mean(axis=1),
        "macro_ap": _mean_of_known(average),
        "macro_auc": _mean_of_known(area),
        "baseline": weights @ jaccard(true, always) / images,
    }


def jaccard(true: Flags, given: Flags) -> Floats:
    """Of each image how many of the labels that it has or was given are both; 1 where there are none."""
    any_of = (true | given).sum(axis=1)
    return np.where(any_of > 0, (true & given).sum(axis=1) / np.maximum(any_of, 1), 1.0)


def _per_label(predictions: Predictions, true: Flags, given: Flags, ranked: list[Ranked]) -> list[dict[str, Any]]:
    hits, have, got = (true & given).sum(axis=0), true.sum(axis=0), given.sum(axis=0)
    ones = np.ones((1, len(true)))
    columns = (_ratio(hits, got), _ratio(hits, have), _ratio(2 * hits, have + got))
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(predictions.classes):
        average, area = (_finite(value[0]) for value in ranked[place].areas(ones))
        precision, recall, f1 = (float(column[place]) for column in columns)
        row = {"class": name, "precision": precision, "recall": recall, "f1": f1}
        rows.append(row | {"average_precision": average, "roc_auc": area, "support": int(have[place])})
    return rows


def _mean_of_known(values: Floats) -> Floats:
    """Mean over the labels (columns) of which a figure is known; 0 where it is known of none."""
    known = np.isfinite(values)
    return np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """``part / whole``, and 0 where ``whole`` is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0)
