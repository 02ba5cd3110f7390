"""Draw what an evaluation found."""

from pathlib import Path
from typing import Any

from sightline.evaluation.figure_plots import draw_figures
from sightline.evaluation.predictions import Predictions
from sightline.run import Run


def draw_evaluation(run: str | Path, figures: dict[str, Any]) -> list[Path]:
    """Draw the figures that ``evaluate_run`` gave into ``RUN/plots``; numbers have none.

    Raises:
        RunError: no such run, its predictions are gone, or the pictures cannot be written.
    """
    here = Run.open(run)
    return draw_figures(figures, Predictions.load(here.predictions(figures["part"])), here.plots)
