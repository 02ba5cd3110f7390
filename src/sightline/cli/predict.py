"""``sightline predict``."""

import json
import sys
from pathlib import Path

import click


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--part",
    metavar="PART",
    help="train, val or test: only that part of the data sets in PATHS; without PATHS, of RUN's own data.",
)
@click.option("--out", type=click.Path(path_type=Path), help="CSV file for the answers.  [default: standard output]")
@click.option("--grid", type=click.Path(path_type=Path), help="PNG file showing the images with their labels.")
@click.option("--checkpoint", default="best", show_default=True, help="best, last, or a checkpoint file of the run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(
    run: Path,
    paths: tuple[Path, ...],
    part: str | None,
    out: Path | None,
    grid: Path | None,
    checkpoint: str,
    as_json: bool,
) -> None:
    """Label the images in PATHS (files, folders, data sets) with the model in RUN.

    Images that cannot be decoded are listed in NAME.errors.csv and make the exit code 2; the others are labelled.
    """
    from sightline.workflow.answer import write_rows  # noqa: PLC0415
    from sightline.workflow.predict import draw_predictions, errors_file, predict_run, write_predictions  # noqa: PLC0415

    answers = list(predict_run(run, paths, part=part, checkpoint=checkpoint))
    failed = [answer for answer in answers if answer.error]
    if out is not None:
        write_predictions(answers, out)
        click.echo(f"{len(answers) - len(failed)} predictions: {out}", err=True)
    if grid is not None and len(failed) == len(answers):
        click.echo(f"no picture {grid}: no image could be decoded", err=True)
    elif grid is not None:
        draw_predictions(run, paths, answers, grid, part)
        click.echo(f"picture: {grid}", err=True)
    if as_json:
        click.echo(json.dumps([answer.as_dict() for answer in answers], ensure_ascii=False))
    elif out is None:
        write_rows(answers, sys.stdout)
    for answer in failed:
        click.echo(f"no answer for {answer.image_id}: {answer.error}", err=True)
    if failed:
        listed = f", listed in {errors_file(out)}" if out is not None else ""
        click.echo(f"error: {len(failed)} of {len(answers)} images could not be decoded{listed}", err=True)
        raise SystemExit(2)
