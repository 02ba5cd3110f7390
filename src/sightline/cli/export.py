"""``sightline export``."""

from pathlib import Path

import click


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", "form", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="Form of the model.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the bundle.  [default: RUN/bundle]")
@click.option("--checkpoint", default="best", show_default=True, help="best, last, or a checkpoint file of the run.")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting that begins with export.")
def command(run: Path, form: str, out: Path | None, checkpoint: str, settings: tuple[str, ...]) -> None:
    """Write the model in RUN as a bundle: model, preprocessing, labels, card. Refused unless it equals the model."""
    from sightline.workflow.export import export_run  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    del form  # the only one so far
    bundle = export_run(run, out=out, checkpoint=checkpoint, settings=list(settings), say=Say())
    parity = bundle.document["parity"]
    if parity["kind"] == "numbers":
        told = f"largest error {parity['max_logit_error']:.2e} standard deviations"
    else:
        accuracy = "accuracy" if parity["kind"] == "class" else "exact matches"
        told = (
            f"largest logit error {parity['max_logit_error']:.2e}, {parity['agreement']:.2%} equal labels, {accuracy} "
            f"on them {parity['accuracy_model']:.4f} before and {parity['accuracy_export']:.4f} after"
        )
    click.echo(f"gate passed on {parity['n']} images: {told}", err=True)
    place = out or run / "bundle"
    click.echo(f"bundle {place}")
    click.echo(f"next: see {place / 'card.md'} for how to use it", err=True)
