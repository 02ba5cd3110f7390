"""``sightline demo``."""

from pathlib import Path

import click


@click.command("demo")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to work in."
)
def command(out: Path) -> None:
    """Train, evaluate, export and report on 1,797 real handwritten digits, in about a minute."""
    from sightline.cli.evaluate import show  # noqa: PLC0415
    from sightline.workflow.demo import run_demo  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    places = run_demo(out, Say(), show)
    for name, place in places.items():
        click.echo(f"{name:<8} {place}")
    click.echo(
        f"next: open {places['report']}, or your own images: sightline train FOLDER (one folder a class)", err=True
    )
