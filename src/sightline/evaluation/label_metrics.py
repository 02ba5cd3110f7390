"""Figures of several labels an image. All are scikit-learn's.

Average precision and the area under the ROC curve of a label need images with it (and without it), precision images
that were given it, recall images that have it; where there are none they are ``None``. Means of ranks leave such a
label out; in means of precision, recall and F1 it counts 0, as in scikit-learn.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.intervals import ENDS, Interval, share_interval, undefined, without
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.ranks import Flags, Ranked, mean_of_known, ratio, rows_to_rank
from sightline.evaluation.resample import Floats

_RANKS = dict.fromkeys(
    ("macro_ap", "macro_auc", "weighted_ap", "weighted_auc"),
    "no label has both images with it and images without it",
)
WHY = _RANKS | {
    "micro_precision": "no image was given a label",
    "micro_recall": "no image has a label",
    "micro_f1": "no image has or was given a label",
    "mcc": "no image, or every one, has or was given each label: there is nothing to correlate",
}
"""Why a figure is not defined, where that can be."""


def figures_of_labels(
    predictions: Predictions, *, resamples: int, confidence: float, seed: int, usual: Flags, design: Design = IMAGES
) -> dict[str, Any]:
    """All figures as a JSON-ready dictionary.

    Args:
        predictions: what the model said of labels.
        resamples: bootstrap resamples behind each interval.
        confidence: share of such intervals that cover the truth, 0-1.
        seed: seed of the resampling.
        usual: ``[labels]``: the labels that the baseline always gives.
        design: how the images are drawn again.
    """
    true, images = predictions.targets > 0.5, len(predictions)
    ranked = [Ranked(predictions.logits[:, place], true[:, place]) for place in range(true.shape[1])]
    own = _Said(true, predictions.given, np.broadcast_to(usual, true.shape), ranked)
    ones = np.ones((1, images))
    once, drawn = own.figures(ones) | own.ranks(ones), own.drawn(design, resamples, seed)
    how = {"confidence": confidence, "freedom": design.freedom(images), "alone": float(design.units(images))}
    found = {name: _interval(name, value, drawn.get(name), how) for name, (value,) in once.items()}
    baseline = {"labels": [name for name, on in zip(predictions.classes, usual, strict=True) if on]}
    every = Ranked(predictions.logits.ravel(), true.ravel()).areas(np.ones((1, true.size)))
    likely = predictions.probabilities
    return {
        "kind": "labels",
        "part": predictions.part,
        "n": images,
        "unlabelled": 0,
        **{name: value for name, value in found.items() if name != "baseline"},
        "micro_ap": _finite(every[0][0]),
        "micro_auc": _finite(every[1][0]),
        "log_loss": float(np.logaddexp(0, np.where(true, -1, 1) * predictions.logits.astype(np.float64)).mean()),
        "brier": float(((likely - true) ** 2).mean()),
        "threshold": predictions.threshold,
        "baseline": {**baseline, "jaccard": found["baseline"]},
        "confidence": confidence,
        "resamples": resamples,
        "drawn": design.how,
        "classes": list(predictions.classes),
        "per_class": _per_label(predictions, own),
        "weights_sha256": predictions.weights_sha256,
    }


class _Said:
    """What is true, what was given, and in which order: all that the figures need."""

    def __init__(self, true: Flags, given: Flags, always: Flags, ranked: list[Ranked]):
        self.true, self.given, self.ranked = true, given, ranked
        self.three = [flags.astype(np.float64) for flags in (true & given, true, given)]
        both = jaccard(true, given)
        means = (both, (true == given).all(axis=1), (true != given).mean(axis=1), jaccard(true, always))
        self.means = np.stack([np.asarray(mean, np.float64) for mean in means], axis=1)

    def figures(self, weights: Floats) -> dict[str, Floats]:
        """The headline figures of each row of weights ``[rows, images]``: ``[rows]`` each; NaN: not defined."""
        hits, have, got = (weights @ flags for flags in self.three)
        images = weights.sum(axis=1, keepdims=True)
        means = (weights @ self.means / images).T
        names = ("jaccard", "exact_match", "hamming_loss", "baseline")
        found: dict[str, Floats] = dict(zip(names, means, strict=True))
        triples = {"precision": (hits, got), "recall": (hits, have), "f1": (2 * hits, have + got)}
        for name, (part, whole) in triples.items():
            each = np.nan_to_num(ratio(part, whole))
            found[f"micro_{name}"] = ratio(part.sum(axis=1), whole.sum(axis=1))
            found[f"macro_{name}"] = each.mean(axis=1)
            found[f"weighted_{name}"] = np.nan_to_num(mean_of_known(each, have))
        return found | {"mcc": mean_of_known(_mcc(hits, have, got, images))}

    def ranks(self, weights: Floats) -> dict[str, Floats]:
        """The same of those figures that follow from the order of the images."""
        areas = [one.areas(weights) for one in self.ranked]
        average, area = (np.stack(column, axis=1) for column in zip(*areas, strict=True))
        average, have = np.where(np.isfinite(area), average, np.nan), weights @ self.three[1]
        found = {"macro_ap": mean_of_known(average), "macro_auc": mean_of_known(area)}
        return found | {"weighted_ap": mean_of_known(average, have), "weighted_auc": mean_of_known(area, have)}

    def drawn(self, design: Design, resamples: int, seed: int) -> dict[str, Floats]:
        """Each figure of all resamples; of fewer where ranking takes long, and of none where that leaves too few."""
        images, labels = self.true.shape
        few = rows_to_rank(images, labels, resamples)
        found = [[self.figures(rows) for rows in design.weights(images, resamples, seed)]]
        found += [[self.ranks(rows) for rows in design.weights(images, few, seed)]] if few else []
        return {name: np.concatenate([piece[name] for piece in own]) for own in found for name in own[0]}


def _interval(name: str, value: float, drawn: Floats | None, how: Mapping[str, float]) -> Interval:
    if not np.isfinite(value):
        return undefined(WHY[name])
    if drawn is None:
        return without(value, "too many images and labels to draw")
    return share_interval(value, drawn, **how, ends=ENDS.get(name, (0.0, 1.0)))


def _mcc(hits: Floats, have: Floats, got: Floats, images: Floats) -> Floats:
    """Matthews correlation coefficient of each label; NaN where it is not defined."""
    spread = have * (images - have) * got * (images - got)
    return ratio(hits * images - have * got, np.sqrt(np.where(spread > 1e-9, spread, 0.0)))


def jaccard(true: Flags, given: Flags) -> Floats:
    """Of each image how many of the labels that it has or was given are both; 1 where there are none."""
    any_of = (true | given).sum(axis=1)
    return np.where(any_of > 0, (true & given).sum(axis=1) / np.maximum(any_of, 1), 1.0)


def _per_label(predictions: Predictions, own: _Said) -> list[dict[str, Any]]:
    hits, have, got = (flags.sum(axis=0) for flags in own.three)
    images = np.full((), float(len(predictions)))
    columns = (ratio(hits, got), ratio(hits, have), ratio(2 * hits, have + got), _mcc(hits, have, got, images))
    ones, rows = np.ones((1, len(predictions))), list[dict[str, Any]]()
    for place, name in enumerate(predictions.classes):
        average, area = (_finite(value[0]) for value in own.ranked[place].areas(ones))
        precision, recall, f1, mcc = (_finite(column[place]) for column in columns)
        row = {"class": name, "precision": precision, "recall": recall, "f1": f1}
        row |= {"average_precision": average, "roc_auc": area, "mcc": mcc, "support": int(have[place])}
        rows.append(row | {"why": {key: _WHY_OF_LABEL[key] for key, value in row.items() if value is None}})
    return rows


_WHY_OF_LABEL = {
    "precision": "no image was given this label",
    "recall": "no image has this label",
    "f1": "no image has or was given this label",
    "average_precision": "no image has this label",
    "roc_auc": "no image has this label, or all have it",
    "mcc": "no image, or every one, has or was given this label",
}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
