"""``sightline split``."""

import shlex
from pathlib import Path

import click


@click.command("split")
@click.argument("data")
@click.option(
    "-s",
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting: seed, task.name, or of data.* what reads and divides.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("split.csv"), show_default=True, help="CSV to write."
)
@click.option("--folds", type=click.IntRange(min=2), help="Write this many: split.fold0.csv and so on.")
@click.option("--report", type=click.Path(path_type=Path), help="Write what was done, as .json or .md.")
def command(data: str, settings: tuple[str, ...], out: Path, folds: int | None, report: Path | None) -> None:
    """Divide DATA into training, validation and test parts and freeze them in a CSV that `train` reads.

    Copies of one picture go to one part, and so do the images of one group: of a CSV's group column, or of what
    data.group finds in the paths.

    \b
    sightline split photos/ -s data.val=0.1 --out split.csv
    sightline split scans/ -s data.group='patient(\\d+)' --folds 5 --report split.md
    sightline train split.csv -s data.root=photos/
    """
    from sightline.workflow.say import Say  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.split import split_data  # noqa: PLC0415

    say = Say()
    done = split_data(data, settings=list(settings), out=out, folds=folds or 0, report=report, say=say)
    for path, mix in done.files.items():
        if folds:
            train, val, test = mix.counts.sum(axis=0)
            click.echo(f"split {path}  train {train}  val {val}  test {test}  off by {mix.off.max():.1f}")
        else:
            click.echo("\n".join([*mix.lines(), f"split {path}"]))
    if report is not None:
        click.echo(f"report {report}")
    say.detail("off by: largest difference between the share of a class in a part and in all, in percentage points")
    if done.root:
        root = shlex.quote(done.root)
        click.echo(f"next: sightline train {shlex.quote(str(next(iter(done.files))))} -s data.root={root}", err=True)
    else:
        say.note("these images are rows of an array, not files: a training divides them again, the same way by seed")
