"""``sightline resume``."""

from pathlib import Path

import click


@click.command("resume")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--from", "start_from", metavar="FILE", help="Go back to this checkpoint of the run, not to the last.")
def command(run: Path, start_from: str | None) -> None:
    """Go on with the training in RUN as if it had never stopped: the weights will be the same bit for bit."""
    from sightline.cli.train import conclude  # noqa: PLC0415
    from sightline.workflow.say import Say  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.train import resume_run  # noqa: PLC0415

    conclude(lambda: resume_run(run, start_from=start_from, say=Say()))
