"""The curves of a training, taken from its records: what the plots and the report page draw."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, TypeGuard

MOST_POINTS = 200
"""A training curve has at most so many points; each is the mean over the steps it stands for."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line of a chart. Point ``i`` is ``x[i]``, ``y[i]``."""

    name: str
    """Word for the legend, such as ``training``."""
    x: list[float]
    """Epochs."""
    y: list[float]
    """Values; all finite."""


@dataclasses.dataclass(frozen=True)
class Chart:
    """One quantity over the epochs."""

    key: str
    """``loss``, ``learning_rate``, or the figure of the task, such as ``accuracy``."""
    title: str
    """Words for the head of the chart."""
    curves: list[Curve]
    """At least one, none of them empty."""
    best: tuple[float, float] | None = None
    """The evaluation whose weights were kept."""


FIGURES = {"accuracy": "Accuracy", "jaccard": "Jaccard index", "mae": "Mean absolute error"}
"""Titles of the figures that the built-in tasks are judged by."""
SHARES = ("accuracy", "jaccard")
"""Those that are shares of 1."""


def figure_of(records: Sequence[dict[str, Any]]) -> str:
    """What the task of these records is judged by beside the loss, as its evaluations tell."""
    for record in records:
        if record.get("kind") == "eval":
            found = [key for key in record if key.startswith("val_") and key != "val_loss"]
            return found[0].removeprefix("val_") if found else "accuracy"
    known = {key for record in records if record.get("kind") == "step" for key in record}
    return next((figure for figure in FIGURES if figure in known), "accuracy")


def charts_of(records: Sequence[dict[str, Any]]) -> list[Chart]:
    """The charts that these records (as in ``records.jsonl``) can fill: loss, the task's figure, learning rate."""
    figure = figure_of(records)
    steps = [record for record in records if record.get("kind") == "step"]
    evaluations = [record for record in records if record.get("kind") == "eval"]
    charts = [
        _chart(
            "loss", "Loss", [("training", _averaged(steps, "loss")), ("validation", _points(evaluations, "val_loss"))]
        ),
        _chart(
            figure,
            FIGURES.get(figure, figure.replace("_", " ").capitalize()),
            [("training", _averaged(steps, figure)), ("validation", _points(evaluations, f"val_{figure}"))],
        ),
        _chart("learning_rate", "Learning rate", [("learning rate", _averaged(steps, "lr"))]),
    ]
    best = [record for record in evaluations if record.get("best") is True]
    if best:
        charts = [_with_best(chart, best[-1]) for chart in charts]
    return [chart for chart in charts if chart.curves]


def evaluation_rows(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per evaluation: its record, with the mean training loss and figure since the one before.

    Where nothing was evaluated, one row over all the steps.
    """
    rows: list[dict[str, Any]] = []
    keys = ("loss", figure_of(records))
    since: list[dict[str, Any]] = []
    for record in records:
        if record.get("kind") == "step":
            since.append(record)
        elif record.get("kind") == "eval":
            rows.append(_training_means(since, keys) | record)
            since = []
    if not rows and since:
        rows.append(_training_means(since, keys) | {"step": since[-1]["step"], "epoch": since[-1]["epoch"]})
    return rows


def _training_means(steps: list[dict[str, Any]], keys: Sequence[str]) -> dict[str, Any]:
    means = {key: _mean(steps, key) for key in keys}
    last = {"lr": steps[-1]["lr"]} if steps and "lr" in steps[-1] else {}
    return {key: value for key, value in means.items() if value is not None} | last


def _chart(key: str, title: str, lines: list[tuple[str, tuple[list[float], list[float]]]]) -> Chart:
    return Chart(key, title, [Curve(name, x, y) for name, (x, y) in lines if x])


def _with_best(chart: Chart, record: dict[str, Any]) -> Chart:
    value = record.get(f"val_{chart.key}")
    if not _is_number(value):
        return chart
    return dataclasses.replace(chart, best=(float(record["epoch"]), float(value)))


def _points(records: Sequence[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    good = [record for record in records if _is_number(record.get(key))]
    return [float(record["epoch"]) for record in good], [float(record[key]) for record in good]


def _averaged(steps: Sequence[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """Means over equal stretches of steps, few enough to draw and to tell the trend from the noise."""
    good = [record for record in steps if _is_number(record.get(key))]
    size = max(1, -(-len(good) // MOST_POINTS))
    if key != "lr":
        size = max(size, min(5, len(good) // 20))
    stretches = [good[start : start + size] for start in range(0, len(good), size)]
    means = [_mean(stretch, key) for stretch in stretches]
    return [float(stretch[-1]["epoch"]) for stretch in stretches], [mean for mean in means if mean is not None]


def _mean(steps: Sequence[dict[str, Any]], key: str) -> float | None:
    """Mean over the images of these steps, so that a last, smaller batch counts for what it is."""
    good = [(float(step[key]), max(1.0, float(step.get("images", 1)))) for step in steps if _is_number(step.get(key))]
    images = sum(weight for _, weight in good)
    return sum(value * weight for value, weight in good) / images if images else None


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
