"""What ``train --folds`` and ``resume`` of a cross-validation end with."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sightline.cli import INTERRUPTED

if TYPE_CHECKING:
    from sightline.workflow.folds import Folds


def conclude_folds(work: Callable[[], "Folds"]) -> None:
    """Print the figures of all folds, or how to go on; the exit codes are those of a training."""
    from sightline.workflow.stopping import Terminated  # noqa: PLC0415  the libraries behind it are slow to import

    try:
        done = work()
    except Terminated as ended:
        folder = ended.folder.parent if ended.folder else ""
        click.echo("ended by SIGTERM before the first step of a fold; nothing that was trained is lost", err=True)
        click.echo(f"next: sightline resume {folder}" if folder else "next: the same command", err=True)
        return
    if done.report is not None:
        _show(done.folder, done.report)
        return
    click.echo(f"interrupted by {done.ended}; the checkpoint is saved", err=True)
    click.echo(f"folds {done.folder}")
    click.echo(f"next: sightline resume {done.folder}", err=True)
    if done.ended == "SIGINT":
        raise SystemExit(INTERRUPTED)


def _show(folder: Path, report: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from sightline.cli.figure_table import told  # noqa: PLC0415

    names = list(report["mean"])
    table = Table("fold", "images", *names, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for number, row in enumerate(report["folds"]):
        table.add_row(f"fold{number}", str(row["n"]), *(f"{row[name]:.4g}" for name in names))
    table.add_section()
    for key in ("mean", "std", "low", "high"):
        table.add_row(key, "", *(f"{report[key][name]:.4g}" for name in names))
    Console(soft_wrap=False).print(table)
    whole = report["pooled"]
    for name in names:
        own = whole.get(name)
        if isinstance(own, dict):
            figure = told(own, f"{whole['confidence']:.0%}")
            click.echo(f"{name} {figure}   all {whole['n']} images, each out of its fold")
    click.echo(f"folds {folder}")
    click.echo(
        f"figures: {folder / 'cross-validation.json'}, predictions: {folder / 'predictions' / 'out-of-fold.npz'}",
        err=True,
    )
    click.echo(f"next: sightline errors {folder}", err=True)
