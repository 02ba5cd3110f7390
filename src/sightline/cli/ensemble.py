"""``sightline ensemble``."""

from pathlib import Path

import click


@click.command("ensemble")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the result.")
@click.option(
    "--how",
    default="average",
    show_default=True,
    help="average of the probabilities, weighted (shares fitted on the validation part), or vote.",
)
@click.option("--tta", multiple=True, metavar="VIEW", help="Test-time augmentation: hflip, vflip, crops, scales.")
def command(runs: tuple[Path, ...], out: Path, how: str, tta: tuple[str, ...]) -> None:
    """Combine the answers of several RUNs, or of several views of an image, into one model.

    The result is evaluated, asked and exported like a run. Its members may be different networks; they see the same
    pixels.

    \b
    sightline ensemble runs/small runs/large --how weighted --out runs/both
    sightline ensemble runs/large --tta hflip --out runs/mirrored
    sightline evaluate runs/both
    """
    from sightline.workflow.ensemble import make_ensemble  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    made = make_ensemble(runs, out, how=how, tta=tta, say=Say())
    if made.fitted is not None:
        for name, share in made.weights.items():
            click.echo(f"share {share:.3f}  {name}")
        own = made.fitted
        losses = f"{own['fitted']:.4f}, with equal shares {own['equal']:.4f}"
        click.echo(f"{own['loss']} on {own['images']} validation images {losses}")
    click.echo(f"run {made.run.folder}\nweights_sha256 {made.weights_sha256}")
    click.echo(f"next: sightline evaluate {made.run.folder}", err=True)
