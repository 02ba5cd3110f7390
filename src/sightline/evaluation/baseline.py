"""A fast baseline that learns: ridge regression on a few pixels.

A network that does no better has learnt nothing that a line through 16 x 16 pixels does not know. One closed form
serves classes (as columns of 0 and 1), labels and numbers; it takes no epochs, no rate and no seed, so what it costs is
known beforehand.
"""

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.data.outputs import Kind
from sightline.evaluation.compare import compare_predictions
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats
from sightline.evaluation.ridge import Ridge, fit_ridge

SIDE = 16
"""Pixels that are left of each side."""
NAME = f"ridge regression on {SIDE} x {SIDE} pixels"


def small_pixels(pixels: torch.Tensor) -> Floats:
    """uint8 ``[n, height, width, channels]`` to ``[n, features]``: means over a grid of ``SIDE`` x ``SIDE``, 0-1."""
    images = pixels.permute(0, 3, 1, 2).double() / 255
    sides = (min(SIDE, images.shape[2]), min(SIDE, images.shape[3]))
    return torch.nn.functional.adaptive_avg_pool2d(images, sides).flatten(1).numpy()


def fit_baseline(features: Floats, truths: NDArray[Any], kind: Kind, classes: int) -> Ridge:
    """Fit the baseline.

    Args:
        features: of the training images, ``[n, features]``.
        truths: class of each ``[n]``, or labels or numbers ``[n, classes]``.
        kind: which of them.
        classes: outputs.
    """
    targets = np.eye(classes)[truths.astype(np.int64)] if kind == "class" else truths.astype(np.float64)
    return fit_ridge(features, targets)


def answered(baseline: Ridge, features: Floats, like: Predictions) -> Predictions:
    """What the baseline says of the images that a model was asked about, in the form of that model's answers."""
    outputs = baseline(features)
    if like.kind == "labels" and like.outputs is not None:
        outputs = outputs - 0.5 + like.outputs.least_logit  # given from a half on
    return dataclasses.replace(like, logits=outputs.astype(np.float32), weights_sha256="")


def constant(truths: NDArray[Any], like: Predictions) -> tuple[str, Predictions]:
    """The answer that costs nothing, and its name: the largest class, the labels of more than half, the mean number.

    Args:
        truths: of the training images: class of each ``[n]``, or labels or numbers ``[n, classes]``.
        like: what a model said of the images that are asked about.
    """
    count = len(like.classes)
    if like.kind == "numbers":
        row, name = truths.mean(axis=0), "always the mean"
    elif like.kind == "labels":
        usual = truths.mean(axis=0) > 0.5
        row = np.where(usual, 20.0, -20.0)
        names = [label for label, on in zip(like.classes, usual, strict=True) if on]
        name = "always " + (" and ".join(f"'{label}'" for label in names) or "no label")
    else:
        largest = int(np.bincount(truths, minlength=count).argmax())
        row, name = np.where(np.arange(count) == largest, 20.0, 0.0), f"always '{like.classes[largest]}'"
    rows = np.tile(row.astype(np.float32), (len(like), 1))
    return name, dataclasses.replace(like, logits=rows, weights_sha256="")


def against(
    name: str,
    baseline: Predictions,
    model: Predictions,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    groups: NDArray[np.integer[Any]] | None = None,
) -> dict[str, Any]:
    """Whether a model is better than a baseline on the same images: a paired comparison, in a sentence.

    Args:
        name: of the baseline.
        baseline: what it said.
        model: what the model said of the same images.
        resamples: bootstrap resamples behind each interval.
        confidence: of the intervals; the model is better or worse where p is below the rest.
        seed: of resampling and permutation.
        groups: group of each image ``[n]``, where images of one group were kept together.

    Returns:
        JSON-ready: ``name``, ``figure``, ``n``, the ``value`` of the baseline with its interval, that of the model
        (``model``), ``difference``, ``test``, ``verdict`` (``better``, ``worse`` or ``not distinguishable``) and
        ``told``.
    """
    named = {"baseline": baseline, "model": model}
    found = compare_predictions(named, resamples=resamples, confidence=confidence, seed=seed, groups=groups)
    figure, pair = found["figure"], found["pairs"][0]
    own, rival = (row["figures"][figure] for row in found["runs"])
    verdict = {"other better": "better", "one better": "worse"}.get(pair["verdict"], "not distinguishable")
    change, p = pair["differences"][figure], pair["test"]["p"]
    words = {
        "better": "the model is better than",
        "worse": "the model is WORSE than",
        "not distinguishable": "the model is NOT DISTINGUISHABLE from",
    }[verdict]
    told = f"{words} the baseline {name}: difference of {figure} {change['value']:+.4g} "
    told += f"({change['low']:+.4g} to {change['high']:+.4g}), p {p:.2g}"
    facts = {"name": name, "figure": figure, "n": found["n"], **own, "model": rival, "difference": change}
    return {**facts, "test": pair["test"], "verdict": verdict, "told": told}
