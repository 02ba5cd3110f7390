"""``sightline split``."""

from pathlib import Path

import click


@click.command("split")
@click.argument("data")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting: seed, or one of data.*")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("split.csv"), show_default=True, help="CSV to write."
)
def command(data: str, settings: tuple[str, ...], out: Path) -> None:
    """Divide DATA into training, validation and test parts and freeze them in a CSV that `train` reads.

    \b
    sightline split photos/ -s data.val=0.1 --out split.csv
    sightline train split.csv -s data.root=photos/
    """
    from sightline.workflow.say import Say  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.split import split_data  # noqa: PLC0415

    rows = split_data(data, settings=list(settings), out=out, say=Say())
    for name, counts in rows.items():
        click.echo(f"{name:<20} " + "  ".join(f"{part} {count}" for part, count in counts.items()))
    click.echo(f"split {out}")
    click.echo(f"next: sightline train {out} -s data.root={data}", err=True)
