"""``sightline checkpoint``."""

from pathlib import Path

import click


@click.command("checkpoint")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", metavar="FORM", help="whole: turn sharded checkpoints into one file each.")
def command(run: Path, to: str | None) -> None:
    """List the checkpoints of RUN, oldest first, and say whether each is still what was saved.

    \b
    sightline checkpoint runs/first
    sightline checkpoint runs/first --to whole
    """
    from sightline.workflow.checkpoints import (  # noqa: PLC0415  the libraries behind it are slow to import
        checkpoints_of,
        convert_checkpoints,
    )
    from sightline.workflow.say import Say  # noqa: PLC0415

    if to is not None:
        made = convert_checkpoints(run, to, Say())
        if not made:
            click.echo("every checkpoint is whole already", err=True)
    seen = checkpoints_of(run)
    for one in seen:
        state = "good" if one.good else "DAMAGED"
        click.echo(f"{one.file}  step {one.step}  {one.form}  {state}  {' '.join(one.names)}".rstrip())
    if not seen:
        click.echo("no checkpoint yet", err=True)
    if not all(one.good for one in seen):
        raise SystemExit(1)
