"""PNG pictures of learning rates: what a sweep found, and what a schedule will do."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sightline.files import whole_file

_LINE, _SOFT, _MARK = "#0f6e78", "#b9bec6", "#b4532a"


def draw_sweep(
    rates: NDArray[np.float64],
    losses: NDArray[np.float64],
    smooth: NDArray[np.float64] | None,
    marks: Sequence[tuple[str, float]],
    path: Path,
) -> None:
    """Draw the losses of a learning-rate sweep.

    Args:
        rates: learning rate of each step ``[n]``.
        losses: training loss of each step ``[n]``; what is not finite leaves a gap.
        smooth: the same, smoothed.
        marks: name and learning rate of what is to be marked.
        path: the PNG to write.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    figure, axes = _figure("Loss over the learning rate")
    axes.plot(rates, losses, color=_SOFT, linewidth=1, label="loss of each step")
    if smooth is not None:
        axes.plot(rates[: len(smooth)], smooth, color=_LINE, linewidth=2, label="smoothed")
        # One step that blows up must not flatten all others.
        span = float(smooth[0] - smooth.min()) or 1.0
        axes.set_ylim(float(smooth.min()) - 0.15 * span, max(float(smooth[0]), float(losses[0])) + 0.6 * span)
    for number, (name, rate) in enumerate(marks):
        color = _MARK if not number else _SOFT
        axes.axvline(rate, color=color, linestyle="-" if not number else "--", label=f"{name}: {rate:.2g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.legend(frameon=False)
    _write(figure, path)


def draw_schedule(
    title: str,
    epochs: NDArray[np.float64],
    rates: NDArray[np.float64],
    events: Sequence[tuple[float, str]],
    path: Path,
) -> None:
    """Draw the learning rates of a training.

    Args:
        title: words for the head.
        epochs: of each step ``[n]``.
        rates: learning rate of each step ``[n]``.
        events: epoch and words of what happens at some time.
        path: the PNG to write.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    figure, axes = _figure(title)
    axes.plot(epochs, rates, color=_LINE, linewidth=2)
    top = float(rates.max())
    for number, (epoch, words) in enumerate(events):
        axes.axvline(epoch, color=_MARK, linestyle=":", linewidth=1.2)
        height = top * (1.0 - 0.07 * (number % 4))
        left = epoch < 0.6 * float(epochs[-1])
        axes.annotate(
            words, (epoch, height), xytext=(4 if left else -4, 0), textcoords="offset points",
            ha="left" if left else "right", va="top", fontsize=9, color=_MARK, backgroundcolor=(1, 1, 1, 0.8),
        )  # fmt: skip
    axes.set_xlabel("epoch")
    axes.set_ylabel("learning rate")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=[1, 2, 5, 10]))
    _write(figure, path)


def _figure(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontweight="bold")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _write(figure: Figure, path: Path) -> None:
    with whole_file(path) as file:
        figure.savefig(file, format="png")
