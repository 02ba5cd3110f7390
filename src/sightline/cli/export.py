"""``sightline export``."""

from pathlib import Path
from typing import Any

import click


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", "forms", default="onnx", show_default=True, metavar="FORM,…", help="Forms of the model.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the bundle; of several forms for theirs.")
@click.option("--checkpoint", default="best", show_default=True, help="best, last, or a checkpoint file of the run.")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting that begins with export.")
def command(run: Path, forms: str, out: Path | None, checkpoint: str, settings: tuple[str, ...]) -> None:
    """Write the model in RUN as a bundle: model, preprocessing, labels, card. Refused unless it equals the model.

    FORM is onnx, openvino, pt2 or torchscript, or a smaller one: onnx-fp16, onnx-int8, openvino-int8. Each becomes a
    bundle of its own, RUN/bundle and RUN/bundle-FORM. One that misses its budget is not written, and the command fails.
    """
    from sightline.errors import ExportError, MissingExtra  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.export import export_run, several, usual_place  # noqa: PLC0415
    from sightline.workflow.say import Say  # noqa: PLC0415

    wanted = several(forms)
    failed: list[ExportError | MissingExtra] = []
    for form in wanted:
        place = out or usual_place(run, form)
        if out is not None and len(wanted) > 1:
            place = out / form
        try:
            bundle = export_run(run, form=form, out=place, checkpoint=checkpoint, settings=list(settings), say=Say())
        except (ExportError, MissingExtra) as error:
            if len(wanted) == 1:
                raise
            failed.append(error)
            click.echo(f"{form}: {error}", err=True)
            continue
        click.echo(f"{form}: gate passed on {_told(bundle.document['parity'])}", err=True)
        click.echo(f"bundle {place}")
        click.echo(f"next: see {place / 'card.md'} for how to use it", err=True)
    if failed:
        raise ExportError(
            f"{len(failed)} of {len(wanted)} forms were not exported", got="as said above",
            hint="raise the budget that is named, or leave the form out",
        )  # fmt: skip


def _told(parity: dict[str, Any]) -> str:
    if parity["kind"] == "numbers":
        return f"{parity['n']} images: largest error {parity['max_logit_error']:.2e} standard deviations"
    accuracy = "accuracy" if parity["kind"] == "class" else "exact matches"
    found = f"{parity['n']} images: largest logit error {parity['max_logit_error']:.2e}, "
    return found + (
        f"{parity['agreement']:.2%} equal labels, {accuracy} on them {parity['accuracy_model']:.4f} before and "
        f"{parity['accuracy_export']:.4f} after"
    )
