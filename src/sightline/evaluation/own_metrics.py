"""Figures of the user's own, named by ``evaluation.metrics``.

A metric is a function of three arrays, which gives a number, or ``None`` where it is not defined:

- ``truth``: of one class an image its place in the classes, int64 ``[n]``; of labels 0 or 1, of numbers each in its
  unit, float64 ``[n, classes]``;
- ``outputs``: the probability of each class or label, or each number in its unit, float64 ``[n, classes]``;
- ``weights``: how much each image counts, float64 ``[n]``, none below 0. An image of weight 2 counts like the same
  image twice, one of weight 0 not at all.

It may say ``ends = (0.0, 1.0)``, its least and largest value: its interval then is that of a share.
``sightline.testing.check_metric`` tries all of this.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline import plug
from sightline.errors import PlugError
from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.intervals import Interval, share_interval, spread_interval, undefined
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats

Metric = Callable[[NDArray[Any], Floats, Floats], float | None]
MOST_CALLS = 500
"""Resamples that a metric is called for: it is the user's Python, one call each."""
_WHERE = "evaluation.metrics"


def load_metrics(names: Sequence[str]) -> dict[str, Metric]:
    """The metrics that the settings name, by these names.

    Raises:
        PlugError: there is no such thing, or it is no function.
    """
    found = {name: plug.resolve("metric", name, {}, _WHERE) for name in names}
    for name, metric in found.items():
        if not callable(metric):
            raise PlugError(f"the metric {name} is no function", where=_WHERE, got=type(metric).__name__)
    return found


def own_figures(
    predictions: Predictions,
    metrics: Mapping[str, Metric],
    *,
    resamples: int,
    confidence: float,
    seed: int,
    design: Design = IMAGES,
) -> dict[str, Interval]:
    """Each of the metrics with its interval, by its name; images whose label is not known take no part.

    Raises:
        PlugError: a metric fails, or gives something else than a finite number or ``None``.
    """
    known = predictions.labels >= 0 if predictions.kind == "class" else np.ones(len(predictions), np.bool_)
    truth: NDArray[Any] = predictions.labels[known].astype(np.int64)
    outputs = predictions.probabilities[known]
    if predictions.kind != "class":
        truth = predictions.targets.astype(np.float64)
    if predictions.kind == "numbers":
        outputs = predictions.logits.astype(np.float64)
    design, images = design.take(known), int(known.sum())
    found: dict[str, Interval] = {}
    for name, metric in metrics.items():
        value = called(metric, name, truth, outputs, np.ones(images))
        if value is None:
            found[name] = undefined("the metric says so")
            continue
        draws = design.weights(images, min(resamples, MOST_CALLS), seed)
        each = [called(metric, name, truth, outputs, row) for rows in draws for row in rows]
        drawn = np.asarray([math.nan if one is None else one for one in each])
        ends, freedom = getattr(metric, "ends", None), design.freedom(images)
        found[name] = (
            spread_interval(value, drawn, confidence=confidence, freedom=freedom, alone=design.units(images))
            if ends is None
            else share_interval(value, drawn, confidence=confidence, freedom=freedom,
                                alone=design.units(images), ends=ends)
        )  # fmt: skip
    return found


def called(metric: Metric, name: str, truth: NDArray[Any], outputs: Floats, weights: Floats) -> float | None:
    """What a metric gives, checked.

    Raises:
        PlugError: it fails, or gives something else than a finite number or ``None``.
    """
    try:
        value: Any = metric(truth, outputs, weights)
    except Exception as error:
        raise PlugError(
            f"the metric {name} failed",
            where=_WHERE,
            got=f"{type(error).__name__}: {error}",
            hint="sightline.testing.check_metric shows where",
        ) from error
    if value is None:
        return None
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not math.isfinite(value):
        raise PlugError(
            f"the metric {name} gives no finite number", where=_WHERE, got=repr(value),
            hint="give None where it is not defined",
        )  # fmt: skip
    return float(value)
