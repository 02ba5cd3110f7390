"""``sightline resume``."""

from pathlib import Path

import click


@click.command("resume")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--from", "start_from", metavar="FILE", help="Go back to this checkpoint of the run, not to the last.")
def command(run: Path, start_from: str | None) -> None:
    """Go on with the training in RUN as if it had never stopped: the weights will be the same bit for bit.

    RUN may be the folder of a cross-validation: it goes on with the fold that was interrupted.
    """
    from sightline.cli.folds import conclude_folds  # noqa: PLC0415
    from sightline.cli.train import conclude  # noqa: PLC0415
    from sightline.errors import ConfigError  # noqa: PLC0415
    from sightline.workflow.folds import is_folds, resume_folds  # noqa: PLC0415  the libraries behind it are slow
    from sightline.workflow.say import Say  # noqa: PLC0415
    from sightline.workflow.train import resume_run  # noqa: PLC0415

    if not is_folds(run):
        conclude(lambda: resume_run(run, start_from=start_from, say=Say()))
        return
    if start_from is not None:
        raise ConfigError(
            f"{run} holds several runs", where="--from", hint=f"sightline resume {run / 'fold0'} --from {start_from}"
        )  # fmt: skip
    conclude_folds(lambda: resume_folds(run, say=Say()))
