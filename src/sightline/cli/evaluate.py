"""``sightline evaluate``."""

import json
from pathlib import Path
from typing import Any

import click


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Another data set with the same class names.")
@click.option("--part", metavar="PART", help="train, val or test.  [default: test]")
@click.option("--checkpoint", default="best", show_default=True, help="best, last, or a checkpoint file of the run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(run: Path, data: Path | None, part: str | None, checkpoint: str, as_json: bool) -> None:
    """Measure the model in RUN on its test part: accuracy, precision, recall, F1, with 95 % intervals."""
    from sightline.workflow.evaluate import evaluate_run  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    figures = evaluate_run(run, data=data, part=part, checkpoint=checkpoint, say=Say())
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
        return
    show(figures)
    click.echo(f"predictions and figures: {run / 'predictions' / figures['part']}.npz, .json", err=True)
    click.echo(f"next: sightline report {run}, or sightline export {run} --to onnx", err=True)


def show(figures: dict[str, Any]) -> None:
    """Print the headline figures and the table of classes."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(soft_wrap=False)
    percent = f"{figures['confidence']:.0%}"
    for key, name in (("accuracy", "accuracy"), ("macro_f1", "macro F1")):
        figure = figures[key]
        interval = f"{percent} interval {figure['low']:.4f} to {figure['high']:.4f}"
        console.print(f"{name:<10}{figure['value']:.4f}   {interval}", highlight=False)
    baseline = figures["baseline"]
    console.print(
        f"{'baseline':<10}{baseline['accuracy']['value']:.4f}   always answering '{baseline['class']}'",
        highlight=False,
        markup=False,
    )
    console.print(f"{'images':<10}{figures['n']}   part {figures['part']}", highlight=False, markup=False)
    table = Table("class", *("precision", "recall", "F1", "images"), header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in figures["per_class"]:
        shares = (f"{row[key]:.4f}" for key in ("precision", "recall", "f1"))
        table.add_row(row["class"].replace("[", "\\["), *shares, str(row["support"]))
    console.print(table)
