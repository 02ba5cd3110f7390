"""``sightline bench``."""

import json
from pathlib import Path

import click


@click.command("bench")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--steps", type=click.IntRange(min=1), default=20, show_default=True, help="Steps to measure.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(run: Path, steps: int, as_json: bool) -> None:
    """Say where the time of a run's steps goes on this machine, and what would help most.

    Some steps are trained again in a folder that is removed; the run stays as it is.
    """
    from sightline.workflow.bench import as_dict, bench_run  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    found = bench_run(run, steps=steps, say=Say())
    if as_json:
        click.echo(json.dumps(as_dict(found), indent=2))
        return
    rate = 1000 * found.images / found.step
    click.echo(f"a step of {found.images} images takes {found.step:.1f} ms, {rate:.0f} images/s ({found.steps} steps)")
    for name, value in found.parts.items():
        click.echo(f"  {name:<10}{value:9.2f} ms {100 * value / found.step:6.1f} %")
    click.echo(f"a batch is made in {found.making:.1f} ms while nothing else is computed")
    for one in found.advice:
        setting = f"-s {one.setting}: " if one.setting else ""
        click.echo(f"{setting}about {100 * one.saves:.0f} % less time; {one.reason}")
    if not found.advice:
        click.echo("nothing that was tried would save 5 %; a smaller model or data.image_size would")
