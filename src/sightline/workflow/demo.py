"""The whole road on real data that needs no download."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sightline.demo import write_digits
from sightline.run import next_run_folder
from sightline.workflow.evaluate import evaluate_run
from sightline.workflow.export import export_run
from sightline.workflow.predict import draw_predictions, predict_run
from sightline.workflow.report import report_run
from sightline.workflow.say import Say
from sightline.workflow.train import train_run


def run_demo(out: Path, say: Say, show: Callable[[dict[str, Any]], None]) -> dict[str, Path]:
    """Write the digits (once), train, evaluate, export, report. Each call makes a run of its own.

    Args:
        out: folder to work in.
        say: where notes go.
        show: is given the figures.

    Returns:
        Where each result lies.
    """
    digits = out / "digits"
    if not digits.exists():
        say.note(f"writing {write_digits(digits)} real handwritten digits to {digits}")
    run = next_run_folder(out / "runs", "digits")
    train_run(digits, run=run, settings={"train.ema": 0.99}, say=say)
    show(evaluate_run(run, say=say))
    say.note("exporting, and comparing the export with the model")
    bundle = run / "bundle"
    export_run(run, out=bundle, say=say)
    grid = run / "predictions.png"
    sheet = sorted(digits.glob("*/*.png"))[::75]
    draw_predictions(run, sheet, list(predict_run(run, sheet)), grid)
    return {"images": digits, "run": run, "bundle": bundle, "picture": grid, "report": report_run(run)}
