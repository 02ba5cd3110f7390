"""``sightline evaluate``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Another data set with the same class names.")
@click.option("--part", metavar="PART", help="train, val or test.  [default: test; val or train where there is none]")
@click.option("--checkpoint", default="best", show_default=True, help="best, last, or a checkpoint file of the run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(run: Path, data: Path | None, part: str | None, checkpoint: str, as_json: bool) -> None:
    """Measure the model in RUN on its test part: accuracy, precision, recall, F1, with intervals.

    Of labels also average precision and ROC AUC; of numbers MAE, RMSE, MSE and R2.
    """
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
    """Print the headline figures and the table of classes, labels or numbers."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(soft_wrap=False)
    lines, table = {"labels": _labels, "numbers": _numbers}.get(figures.get("kind", ""), _classes)(figures)
    lines += [*_learned(figures), ("images", f"{figures['n']}   part {figures['part']}")]
    for name, text in lines:
        console.print(f"{name:<{_wide(lines)}}{text}", highlight=False, markup=False)
    console.print(table)
    for own in figures.get("baselines", ()):
        if own["verdict"] != "better":
            click.echo(f"warning: {own['told']}", err=True)


def _learned(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The baseline that learns, where there is one."""
    found: list[tuple[str, str]] = []
    for own in figures.get("baselines", ())[1:]:
        compared = "" if own["n"] == figures["n"] else f", on {own['n']} of the images"
        found.append(("baseline", f"{_number(own['value'])}   {own['figure']} of {own['name']}{compared}"))
    return found


def _wide(lines: list[tuple[str, str]]) -> int:
    return max(10, *(len(name) + 2 for name, _ in lines))


def _lines(figures: dict[str, Any], names: dict[str, str]) -> list[tuple[str, str]]:
    """Figures with their intervals."""
    percent, found = f"{figures['confidence']:.0%}", list[tuple[str, str]]()
    for key, name in names.items():
        figure = figures[key]
        interval = f"{percent} interval {_number(figure['low'])} to {_number(figure['high'])}"
        found.append((name, f"{_number(figure['value'])}   {interval}"))
    return found


def _number(value: float | None) -> str:
    """Four decimals, or four digits of what is large."""
    if value is None:
        return "–"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.5g}"


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> "Table":
    from rich.table import Table  # noqa: PLC0415

    table = Table(*heads, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, *cells in rows:
        table.add_row(name.replace("[", "\\["), *cells)
    return table


def _classes(figures: dict[str, Any]) -> tuple[list[tuple[str, str]], "Table"]:
    baseline = figures["baseline"]
    lines = _lines(figures, {"accuracy": "accuracy", "macro_f1": "macro F1"})
    lines.append(("baseline", f"{baseline['accuracy']['value']:.4f}   always answering '{baseline['class']}'"))
    keys = ("precision", "recall", "f1")
    rows = [[row["class"], *(_number(row[key]) for key in keys), str(row["support"])] for row in figures["per_class"]]
    return lines, _table(("class", "precision", "recall", "F1", "images"), rows)


def _labels(figures: dict[str, Any]) -> tuple[list[tuple[str, str]], "Table"]:
    names = {"macro_ap": "mean AP", "macro_auc": "mean ROC AUC", "micro_f1": "micro F1", "macro_f1": "macro F1"}
    names |= {"jaccard": "Jaccard", "exact_match": "exact match", "hamming_loss": "Hamming loss"}
    lines, baseline = _lines(figures, names), figures["baseline"]
    always = ", ".join(f"'{name}'" for name in baseline["labels"]) or "no label"
    lines.append(("baseline", f"{baseline['jaccard']['value']:.4f}   Jaccard of always answering {always}"))
    keys = ("average_precision", "roc_auc", "precision", "recall", "f1")
    rows = [[row["class"], *(_number(row[key]) for key in keys), str(row["support"])] for row in figures["per_class"]]
    return lines, _table(("label", "AP", "ROC AUC", "precision", "recall", "F1", "images"), rows)


def _numbers(figures: dict[str, Any]) -> tuple[list[tuple[str, str]], "Table"]:
    lines = _lines(figures, {"mae": "MAE", "rmse": "RMSE", "mse": "MSE", "r2": "R2"})
    baseline = figures["baseline"]["mae"]["value"]
    lines.append(("baseline", f"{_number(baseline)}   MAE of always answering the mean of the training part"))
    rows = [
        [row["target"], row["unit"], *(_number(row[key]["value"]) for key in ("mae", "rmse", "mse", "r2")),
         _number(row["baseline_mae"]["value"])]
        for row in figures["per_target"]
    ]  # fmt: skip
    return lines, _table(("number", "unit", "MAE", "RMSE", "MSE", "R2", "baseline MAE"), rows)
