"""``sightline train``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sightline.cli import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.workflow.train import Trained


@click.command("train")
@click.argument("data", required=False)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings in a YAML file.")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting; goes over the file.")
@click.option("--run", type=click.Path(path_type=Path), help="Folder for the run.  [default: runs/NNN-NAME]")
@click.option("--folds", type=int, help="Cross-validate: train one run for each of so many folds.")
def command(
    data: str | None, config: Path | None, settings: tuple[str, ...], run: Path | None, folds: int | None
) -> None:
    """Train a model on DATA: a folder with one folder a class, an archive of it, a CSV, or idx files.

    \b
    sightline train photos/
    sightline train photos.csv -s model.name=resnet18 -s train.epochs=10 --run runs/first
    sightline train photos/ --folds 5
    """
    from sightline.workflow.say import Say  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.train import train_run  # noqa: PLC0415

    if folds is not None:
        from sightline.cli.folds import conclude_folds  # noqa: PLC0415
        from sightline.workflow.folds import train_folds  # noqa: PLC0415

        own, say = list(settings), Say()
        conclude_folds(lambda: train_folds(data, folds=folds, config=config, settings=own, run=run, say=say))
        return
    conclude(lambda: train_run(data, config=config, settings=list(settings), run=run, say=Say()))


def conclude(work: "Callable[[], Trained]") -> None:
    """Print what ``train`` and ``resume`` end with.

    The exit code is 130 after Ctrl-C. After SIGTERM it is 0: that is how schedulers take a machine back, and a job
    that saved its work has done what was asked of it.
    """
    from sightline import distributed  # noqa: PLC0415
    from sightline.workflow.stopping import Terminated  # noqa: PLC0415

    try:
        trained = work()
    except Terminated as ended:
        if distributed.is_main():
            click.echo("ended by SIGTERM before the first step; nothing that was trained is lost", err=True)
            click.echo(f"next: {f'sightline resume {ended.folder}' if ended.folder else 'the same command'}", err=True)
        return
    folder = trained.run.folder
    if distributed.is_main():
        words = {"finished": "finished", "patience": "stopped early: the validation score no longer improves"}
        told = words.get(trained.ended, f"interrupted by {trained.ended}")
        saved = "; the checkpoint is saved" if trained.interrupted else ""
        click.echo(f"{told} after {trained.step} steps{saved}", err=True)
        click.echo(f"run {folder}")
        click.echo(f"weights_sha256 {trained.weights_sha256}")
        verb = "resume" if trained.interrupted else "evaluate"
        click.echo(f"next: sightline {verb} {folder}", err=True)
    distributed.finish()
    if trained.ended == "SIGINT":
        raise SystemExit(INTERRUPTED)
