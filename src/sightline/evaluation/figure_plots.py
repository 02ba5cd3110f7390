"""PNG pictures of an evaluation: reliability, ROC, precision over recall, abstention, confusion."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sightline.evaluation.predictions import Predictions
from sightline.evaluation.ranks import odds_against_rest
from sightline.evaluation.resample import Floats
from sightline.evaluation.thresholds import precision_recall
from sightline.files import whole_file

_LINE, _SOFT, _MARK = "#0f6e78", "#b9bec6", "#b4532a"
MOST_CURVES = 8
"""Classes with a curve of their own; of more, those with the smallest area."""
MOST_NAMED, MOST_WRITTEN = 60, 15
"""Classes whose names, and whose numbers, the confusion matrix has room for."""


def draw_figures(figures: dict[str, Any], predictions: Predictions, folder: Path) -> list[Path]:
    """Draw what there is to draw of these figures: ``PART-reliability.png``, ``-roc``, ``-pr``, ``-abstention``,
    ``-confusion``.

    Args:
        figures: of the predictions.
        predictions: of classes or labels; of numbers there is nothing to draw.
        folder: where the pictures go; made if it is missing.

    Returns:
        The files written.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    drawings: dict[str, Callable[[Axes], None]] = {}
    if "calibration" in figures:
        drawings["reliability"] = lambda axes: _reliability(axes, figures["calibration"])
        scores, true = _ranked(predictions)
        shown = _shown(figures["per_class"])
        names = [_plain(predictions.classes[place]) for place in shown]
        drawings["roc"] = lambda axes: _roc(axes, names, scores[:, shown], true[:, shown])
        drawings["pr"] = lambda axes: _pr(axes, names, scores[:, shown], true[:, shown])
    if "abstention" in figures:
        drawings["abstention"] = lambda axes: _abstention(axes, figures["abstention"])
        matrix = np.asarray(figures["confusion_matrix"], np.int64)
        drawings["confusion"] = lambda axes: _confusion(axes, [_plain(name) for name in figures["classes"]], matrix)
    written: list[Path] = []
    for name, draw in drawings.items():
        path = folder / f"{figures['part']}-{name}.png"
        figure = Figure(figsize=(6, 5.4), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # names in a script that the font has not
            draw(axes)
            _save(figure, path)
        written.append(path)
    return written


def _save(figure: Figure, path: Path) -> None:
    with whole_file(path) as file:
        figure.savefig(file, format="png")


def _plain(name: str) -> str:
    """A name that is not taken for a formula."""
    return name.replace("$", "\\$")


def _ranked(predictions: Predictions) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores and truth of each class or label, ``[images, classes]``."""
    if predictions.kind == "labels":
        return predictions.logits.astype(np.float64), predictions.targets > 0.5
    known = predictions.labels >= 0
    true = predictions.labels[known][:, None] == np.arange(len(predictions.classes))
    return odds_against_rest(predictions.logits[known]), true


def _shown(rows: list[dict[str, Any]]) -> list[int]:
    known = [place for place, row in enumerate(rows) if row["roc_auc"] is not None]
    return sorted(sorted(known, key=lambda place: rows[place]["average_precision"])[:MOST_CURVES])


def _square(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    axes.grid(alpha=0.25)


def _reliability(axes: Axes, found: dict[str, Any]) -> None:
    rows = found["reliability"]
    x, y = ([row[key] for row in rows] for key in ("confidence", "accuracy"))
    off = [[row["accuracy"] - row["low"] for row in rows], [row["high"] - row["accuracy"] for row in rows]]
    axes.plot([0, 1], [0, 1], color=_SOFT, linestyle="--", label="as sure as right")
    axes.errorbar(x, y, yerr=off, color=_LINE, marker="o", markersize=4, capsize=2, label="these images, 95 % interval")
    most = max(row["images"] for row in rows)
    axes.bar(x, [0.15 * row["images"] / most for row in rows], width=0.03, color=_SOFT, alpha=0.6, label="how many")
    ece = found["ece"]
    _square(axes, f"Reliability: ECE {ece['value']:.3f}, by chance {ece['by_chance']:.3f}", "confidence", "share right")
    axes.legend(frameon=False, loc="upper left")


def _roc(axes: Axes, names: list[str], scores: Floats, true: NDArray[np.bool_]) -> None:
    axes.plot([0, 1], [0, 1], color=_SOFT, linestyle="--")
    for place, name in enumerate(names):
        order = np.argsort(-scores[:, place], kind="stable")
        flags, ranked = true[order, place], scores[order, place]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        hits, misses = np.cumsum(flags)[ends], np.cumsum(~flags)[ends]
        axes.plot(np.append(0, misses / misses[-1]), np.append(0, hits / hits[-1]), label=name)
    _square(axes, "ROC, each against the rest", "share of the others taken for it", "share found (recall)")
    _legend(axes, names, "lower right")


def _pr(axes: Axes, names: list[str], scores: Floats, true: NDArray[np.bool_]) -> None:
    for place, name in enumerate(names):
        _, precision, recall = precision_recall(scores[:, place], true[:, place])
        axes.step(np.append(0, recall), np.append(precision[0], precision), where="pre", label=name)
    _square(axes, "Precision over recall", "recall", "precision")
    _legend(axes, names, "lower left")


def _legend(axes: Axes, names: list[str], place: Literal["lower left", "lower right"]) -> None:
    if names:
        axes.legend(frameon=False, loc=place, fontsize=8)


def _abstention(axes: Axes, found: dict[str, Any]) -> None:
    x, y = ([point[key] for point in found["curve"]] for key in ("coverage", "risk"))
    axes.plot(x, y, color=_LINE, linewidth=2)
    axes.axhline(y[-1], color=_SOFT, linestyle="--", label="nothing left out")
    _square(axes, f"Abstention: AURC {found['aurc']:.4f}", "share of images answered, the surest first", "share wrong")
    axes.set_ylim(0, max(0.01, 1.1 * max(y)))
    axes.legend(frameon=False)


def _confusion(axes: Axes, names: list[str], matrix: NDArray[np.int64]) -> None:
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_title("Confusion: shares of each row", loc="left", fontweight="bold")
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    if len(names) <= MOST_NAMED:
        size = 9 if len(names) <= MOST_WRITTEN else 5
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
        axes.set_yticks(range(len(names)), names, fontsize=size)
    if len(names) <= MOST_WRITTEN:
        for (row, column), count in np.ndenumerate(matrix):
            color = "white" if shares[row, column] > 0.5 else _MARK if row != column and count else "#5d6670"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)
