"""Predictions of every kind, drawn at random."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import Outputs
from sightline.data.samples import Names
from sightline.evaluation.predictions import Predictions

CLASSES = ("ant", "bee", "cat")


def of_classes(labels: list[int] | NDArray[Any], logits: NDArray[Any], **changes: Any) -> Predictions:
    return _made(np.asarray(labels, np.int32), logits, **changes)


def of_labels(truths: NDArray[Any], logits: NDArray[Any], threshold: float = 0.5, **changes: Any) -> Predictions:
    outputs = Outputs(kind="labels", threshold=threshold)
    return _made(
        np.full(len(truths), -1, np.int32), logits, truths=truths.astype(np.float32), outputs=outputs, **changes
    )


def of_numbers(truths: NDArray[Any], values: NDArray[Any], **changes: Any) -> Predictions:
    count = truths.shape[1]
    outputs = Outputs(kind="numbers", mean=(1.0,) * count, std=(2.0,) * count)
    names = {"classes": tuple(f"number{place}" for place in range(count))} | changes
    return _made(np.full(len(truths), -1, np.int32), values, truths=truths.astype(np.float32), outputs=outputs, **names)


def random_classes(seed: int, images: int = 60, skill: float = 1.0, labels: Any = None) -> Predictions:
    """Logits that know the label by as much as ``skill``; the same labels for every seed."""
    truth = np.random.default_rng(0).integers(0, 3, images) if labels is None else np.asarray(labels)
    logits = np.random.default_rng(seed).normal(size=(len(truth), 3))
    logits[np.arange(len(truth)), truth] += skill
    return of_classes(truth, logits)


def random_labels(seed: int, images: int = 60, skill: float = 1.0) -> Predictions:
    truths = np.random.default_rng(0).random((images, 3)) < 0.4
    logits = np.random.default_rng(seed).normal(size=truths.shape) + skill * np.where(truths, 1, -1)
    return of_labels(truths, logits)


def random_numbers(seed: int, images: int = 60, noise: float = 1.0) -> Predictions:
    truths = np.random.default_rng(0).normal(size=(images, 2)) * 3
    return of_numbers(truths, truths + noise * np.random.default_rng(seed).normal(size=truths.shape))


def _made(labels: NDArray[np.int32], logits: NDArray[Any], **changes: Any) -> Predictions:
    fields: dict[str, Any] = {
        "paths": Names.of(f"{row}.png" for row in range(len(labels))),
        "classes": CLASSES[: logits.shape[1]],
        "contract_hash": "c",
        "weights_sha256": "w",
        "part": "test",
        "source": "made up",
    }
    return Predictions(labels=labels, logits=logits.astype(np.float32), **(fields | changes))
