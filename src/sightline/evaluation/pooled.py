"""Cross-validation, measured: every image answered by the model that was not trained on it."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.data.samples import Names
from sightline.errors import DataError
from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.judged import PRIMARY, judged
from sightline.evaluation.metrics import measure
from sightline.evaluation.predictions import Predictions

PART = "out-of-fold"
"""What the pooled predictions are called."""


def pooled(folds: Sequence[Predictions]) -> Predictions:
    """The predictions of all folds as one list, fold by fold.

    Logits are divided by the temperature of their fold, so that all mean the same. Fingerprints of weights and
    preprocessing are those of all folds together. Of numbers the mean that a baseline answers is the average of the
    folds'.

    Raises:
        DataError: an image was tested in two folds, or the folds know different classes.
    """
    first = folds[0]
    if any(one.classes != first.classes or one.kind != first.kind for one in folds):
        raise DataError("the folds know different classes", where="folds", got=[list(one.classes) for one in folds])
    paths = [path for one in folds for path in one.paths]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise DataError("an image is in the test part of two folds", where="folds", got=twice)
    outputs = first.outputs
    if outputs is not None and outputs.mean:
        means = np.mean([one.mean for one in folds], axis=0)
        outputs = dataclasses.replace(outputs, mean=tuple(means.tolist()))
    return Predictions(
        paths=Names.of(paths),
        labels=np.concatenate([one.labels for one in folds]),
        logits=np.concatenate([one.logits / np.float32(one.temperature) for one in folds]),
        truths=None if first.truths is None else np.concatenate([one.targets for one in folds]),
        outputs=outputs,
        classes=first.classes,
        contract_hash=joined_sha256([one.contract_hash for one in folds]),
        weights_sha256=joined_sha256([one.weights_sha256 for one in folds]),
        part=PART,
        source=first.source,
    )


def measured(
    folds: Sequence[Predictions], *, resamples: int, confidence: float, seed: int, design: Design = IMAGES
) -> dict[str, Any]:
    """The figures of a cross-validation.

    The pooled figures stand for every image once, with an interval for the choice of images. Mean and standard
    deviation over the folds tell how much the figure moves with the training part; they are no standard error, for the
    training parts overlap (Bengio and Grandvalet, 2004).

    Args:
        folds: what each model said of the images that it was not trained on.
        resamples: bootstrap resamples behind each interval.
        confidence: share of such intervals that cover the truth, 0-1.
        seed: of the resampling.
        design: how the images of all folds, one fold after the other, are drawn again.

    Returns:
        JSON-ready: ``figure``, ``folds`` (figures of each), ``mean``, ``std``, ``low`` and ``high`` (the lowest and the
        highest fold), and ``pooled``, as ``measure`` gives it.
    """
    whole = pooled(folds)
    known = whole.labels[whole.labels >= 0]
    counts = (
        np.bincount(known, minlength=len(whole.classes)) if whole.truths is None else (whole.truths > 0.5).sum(axis=0)
    )
    figures = measure(
        whole, resamples=resamples, confidence=confidence, seed=seed, train_counts=counts, train_images=len(whole),
        design=design,
    )  # fmt: skip
    rows = [_figures(one) for one in folds]
    shared = [name for name in rows[0] if all(name in row for row in rows)]
    columns = {name: np.asarray([row[name] for row in rows]) for name in shared}
    spread = {
        "mean": lambda column: column.mean(),
        "std": lambda column: column.std(ddof=1),
        "low": lambda column: column.min(),
        "high": lambda column: column.max(),
    }
    told = {key: {name: float(of(column)) for name, column in columns.items()} for key, of in spread.items()}
    each = [{"n": len(one), **row} for one, row in zip(folds, rows, strict=True)]
    return {"figure": PRIMARY[whole.kind], "folds": each, **told, "pooled": figures}


def _figures(own: Predictions) -> dict[str, float]:
    """Each figure of one fold, of the images whose truth is known."""
    if own.kind == "class" and (own.labels < 0).any():
        rows = np.flatnonzero(own.labels >= 0)
        own = dataclasses.replace(
            own, paths=own.paths.take(rows), labels=own.labels[rows], logits=own.logits[rows]
        )  # fmt: skip
    return {name: float(value[0]) for name, value in judged(own).figures(np.ones((1, len(own)))).items()}


def joined_sha256(digests: Sequence[str]) -> str:
    """One fingerprint of those of all folds, in their order."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()
