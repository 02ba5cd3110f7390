"""``sightline evaluate``."""

import json
from pathlib import Path
from typing import Any

import click


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Another data set with the same class names.")
@click.option("--part", metavar="PART", help="train, val or test.  [default: test; val or train where there is none]")
@click.option("--checkpoint", default="best", show_default=True, help="best, last, or a checkpoint file of the run.")
@click.option("--by", multiple=True, metavar="COLUMN", help="Tell groups apart by a column of the CSV; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(
    run: Path, data: Path | None, part: str | None, checkpoint: str, by: tuple[str, ...], as_json: bool
) -> None:
    """Measure the model in RUN on its test part: every figure with its interval, then what is weak.

    Of classes accuracy, F1, ROC AUC, calibration and more; of labels average precision and ROC AUC; of numbers MAE,
    RMSE, MSE and R2.
    """
    from sightline.workflow.evaluate import evaluate_run  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.evaluation_plots import draw_evaluation  # noqa: PLC0415
    from sightline.workflow.say import Say  # noqa: PLC0415

    figures = evaluate_run(run, data=data, part=part, checkpoint=checkpoint, by=by, say=Say())
    pictures = draw_evaluation(run, figures)
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
        return
    show(figures)
    click.echo(f"predictions and figures: {run / 'predictions' / figures['part']}.npz, .json, .csv", err=True)
    if pictures:
        names = ", ".join(path.stem.removeprefix(f"{figures['part']}-") for path in pictures)
        click.echo(f"plots: {run / 'plots' / figures['part']}-….png ({names})", err=True)
    click.echo(f"next: sightline report {run}, or sightline export {run} --to onnx", err=True)


def show(figures: dict[str, Any]) -> None:
    """Print the headline figures, the table of classes, labels or numbers, and what is weak."""
    from rich.console import Console  # noqa: PLC0415

    from sightline.cli import figure_table  # noqa: PLC0415

    console = Console(soft_wrap=False)
    lines, table = figure_table.headline(figures), figure_table.each(figures)
    lines += [*figure_table.learned(figures), ("images", f"{figures['n']}   part {figures['part']}")]
    wide = max(10, *(len(name) + 2 for name, _ in lines))
    for name, text in lines:
        console.print(f"{name:<{wide}}{text}", highlight=False, markup=False, soft_wrap=True)
    console.print(table)
    for own in figure_table.groups(figures):
        console.print(own)
    for line in figure_table.weak(figures):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for own in figures.get("baselines", ()):
        if own["verdict"] != "better":
            click.echo(f"warning: {own['told']}", err=True)
