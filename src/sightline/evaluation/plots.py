"""PNG pictures of a training's curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sightline.evaluation.curves import Chart, charts_of
from sightline.files import whole_file

_COLORS = {"training": "#8a8f98", "validation": "#0f6e78", "learning rate": "#0f6e78"}

_PLACE = (0.095, 0.115, 0.89, 0.8)
"""Left, bottom, width and height of the axes, as shares of the picture; finding them out takes as long as drawing."""


def draw_curves(records: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Draw ``loss.png``, the task's figure (``accuracy.png``) and ``learning_rate.png`` into a folder.

    Args:
        records: the run's records, as ``Run.read_records`` gives them.
        folder: where the pictures go; made if it is missing.

    Returns:
        The files written; a quantity that no record holds has no picture.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    written: list[Path] = []
    for chart in charts_of(records):
        path = folder / f"{chart.key}.png"
        figure = Figure(figsize=(8, 4.5), dpi=120)
        FigureCanvasAgg(figure)
        _draw(figure.add_axes(_PLACE), chart)
        with whole_file(path) as file:
            figure.savefig(file, format="png")
        written.append(path)
    return written


def _draw(axes: Axes, chart: Chart) -> None:
    for curve in chart.curves:
        # A marker shows a lone point, and tells validation from training without color.
        marker = "o" if curve.name == "validation" or len(curve.x) == 1 else ""
        axes.plot(curve.x, curve.y, color=_COLORS[curve.name], marker=marker, markersize=4, label=curve.name)
    if chart.best is not None:
        axes.plot(*chart.best, "*", color="#b4532a", markersize=14, label=f"best: {chart.best[1]:.4g}", zorder=3)
    axes.set_title(chart.title, loc="left", fontweight="bold")
    axes.set_xlabel("epoch")
    axes.set_ylabel(chart.title.lower())
    axes.set_xlim(left=0)
    if chart.key == "learning_rate":
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=[1, 2, 5, 10]))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(chart.curves) > 1 or chart.best is not None:
        axes.legend(frameon=False)
