"""``sightline explain``."""

import json
from pathlib import Path
from typing import Any

import click


@click.command("explain")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--part",
    metavar="PART",
    help="train, val or test: only that part of the data sets in PATHS; without PATHS, of RUN's own data.",
)
@click.option("--class", "asked", metavar="NAME", help="The class to ask about.  [default: the answer]")
@click.option("--out", type=click.Path(path_type=Path), default=Path("explained"), show_default=True, help="Folder.")
@click.option("--checkpoint", default="best", show_default=True, help="best, last, or a checkpoint file of the run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(
    run: Path, paths: tuple[Path, ...], part: str | None, asked: str | None, out: Path, checkpoint: str, as_json: bool
) -> None:
    """Draw where in the images of PATHS the model in RUN saw what it answers.

    Each image becomes a PNG: beside it the same with a map of what speaks for the class (HiResCAM).

    \b
    sightline explain runs/first my-picture.jpg
    sightline explain runs/first --part test --class cat --out cats
    """
    from sightline.workflow.explain import explain_run  # noqa: PLC0415

    found: list[dict[str, Any]] = []
    for one in explain_run(run, paths, part=part, asked=asked, out=out, checkpoint=checkpoint):
        found.append(one.as_dict())  # without the map, of which there is no room for thousands
        if not as_json:
            click.echo(f"{one.picture}  {one.answer.told}")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    layer = found[0]["layer"]
    click.echo(f"{len(found)} picture{'s' if len(found) > 1 else ''} in {out}, of layer {layer}", err=True)
