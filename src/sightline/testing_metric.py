"""The contract of metrics; ``sightline.testing`` hands it out with the others."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import Kind
from sightline.errors import PlugError
from sightline.evaluation.own_metrics import Metric, called
from sightline.evaluation.resample import Floats

_IMAGES = 40


def check_metric(metric: Metric, classes: int = 3, kind: Kind = "class") -> None:
    """Check that a metric honours its contract: truth, outputs and weights to a number, or ``None``.

    It gives the same when it is called again and when the images come in another order; an image of weight 2 counts
    like the same image twice, and one of weight 0 not at all; multiplying all weights changes nothing; its arguments
    stay as they are; it gives a finite number or ``None`` for one image, for equal outputs, where every answer is right
    and where only one class occurs. Where it says ``ends``, it stays between them.

    Args:
        metric: see ``sightline.evaluation.own_metrics``.
        classes: width of the outputs.
        kind: what it is about: ``class``, ``labels`` or ``numbers``.

    Raises:
        PlugError: names the clause that is broken.
    """
    _need(callable(metric), "is a function of truth, outputs and weights", type(metric).__name__)
    truth, outputs = _case(kind, classes, np.random.default_rng(0))
    ones = np.ones(len(truth))
    before = [array.copy() for array in (truth, outputs, ones)]
    value = _value(metric, truth, outputs, ones)
    untouched = all(np.array_equal(*pair) for pair in zip(before, (truth, outputs, ones), strict=True))
    _need(untouched, "leaves its arguments as they are", "changed arrays")
    _same(value, _value(metric, truth, outputs, ones), "gives the same when it is called again")
    order = np.random.default_rng(1).permutation(len(truth))
    _same(value, _value(metric, truth[order], outputs[order], ones), "gives the same for images in another order")
    counts = np.arange(len(truth)) % 3
    _same(
        _value(metric, truth, outputs, counts.astype(np.float64)),
        _value(metric, np.repeat(truth, counts, 0), np.repeat(outputs, counts, 0), np.ones(counts.sum())),
        "counts an image of weight 2 like the same image twice, and of weight 0 not at all",
    )
    _same(value, _value(metric, truth, outputs, 2.5 * ones), "gives the same when all weights are multiplied")
    for case_truth, case_outputs in _hard_cases(kind, classes, truth, outputs):
        _value(metric, case_truth, case_outputs, np.ones(len(case_truth)))


def _case(kind: Kind, classes: int, random: np.random.Generator) -> tuple[NDArray[Any], Floats]:
    scores = random.normal(size=(_IMAGES, classes))
    if kind == "numbers":
        return scores + random.normal(size=scores.shape), scores
    if kind == "labels":
        likely = 1 / (1 + np.exp(-scores))
        return (random.random(scores.shape) < likely).astype(np.float64), likely
    powers = np.exp(scores)
    return np.arange(_IMAGES) % classes, powers / powers.sum(axis=1, keepdims=True)


def _hard_cases(kind: Kind, classes: int, truth: NDArray[Any], outputs: Floats) -> list[tuple[NDArray[Any], Floats]]:
    perfect = np.eye(classes)[truth] if kind == "class" else truth.astype(np.float64)
    one_class = np.zeros_like(truth)
    even = np.full_like(outputs, 1 / classes)
    return [(truth[:1], outputs[:1]), (truth, even), (truth, perfect), (one_class, outputs), (one_class, even)]


def _value(metric: Metric, truth: NDArray[Any], outputs: Floats, weights: Floats) -> float | None:
    value = called(metric, getattr(metric, "__name__", "given"), truth, outputs, weights)
    ends = getattr(metric, "ends", None)
    if ends is not None and value is not None:
        _need(ends[0] - 1e-9 <= value <= ends[1] + 1e-9, f"stays between its ends {ends}", str(value))
    return value


def _same(one: float | None, other: float | None, clause: str) -> None:
    alike = one == other if one is None or other is None else abs(one - other) <= 1e-9 * max(1.0, abs(one))
    _need(alike, clause, f"{one} and {other}")


def _need(honoured: bool, clause: str, got: str) -> None:
    if not honoured:
        raise PlugError(f"broken contract: a metric {clause}", got=got)
