"""``sightline augment``."""

import shlex
from pathlib import Path

import click


@click.command("augment")
@click.argument("data", required=False)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings in a YAML file.")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting; goes over the file.")
@click.option("--images", type=click.IntRange(1, 40), default=6, show_default=True, help="Training images to show.")
@click.option("--epochs", type=click.IntRange(1, 16), default=6, show_default=True, help="Epochs to show of each.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("grid.png"), show_default=True, help="PNG to write."
)
def command(
    data: str | None, config: Path | None, settings: tuple[str, ...], images: int, epochs: int, out: Path
) -> None:
    """Show what training on DATA would see: images as evaluation sees them, then as each epoch does.

    \b
    sightline augment photos/
    sightline augment photos/ -s data.augment=strong --out strong.png
    sightline augment photos/ -s data.augment="[pad_crop, {rotation: {degrees: 15}}, hflip]"
    """
    from sightline.workflow.augment import show_augmentation  # noqa: PLC0415  the libraries behind it are slow
    from sightline.workflow.say import Say  # noqa: PLC0415

    shown = show_augmentation(
        data, config=config, settings=list(settings), images=images, epochs=epochs, out=out, say=Say()
    )
    click.echo(f"augmentation {shown.title}")
    for name, options in shown.steps:
        click.echo(f"  {name:<20} {options}".rstrip())
    click.echo(f"picture {out}: {shown.images} images, as in evaluation and in epochs 1 to {epochs}")
    words = [*([data] if data else []), *(["-c", str(config)] if config else [])]
    words += [word for setting in settings for word in ("-s", setting)]
    click.echo(f"next: sightline train {shlex.join(words)}", err=True)
