"""``sightline schedule``."""

import json
from pathlib import Path

import click


@click.command("schedule")
@click.argument("data", required=False)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings in a YAML file.")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting; goes over the file.")
@click.option("--samples", type=click.IntRange(min=1), help="So many training images, in place of reading DATA.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("schedule.png"), show_default=True, help="PNG to write."
)
@click.option("--json", "as_json", is_flag=True, help="Print every step's learning rate and the events as JSON.")
def command(
    data: str | None, config: Path | None, settings: tuple[str, ...], samples: int | None, out: Path, as_json: bool
) -> None:
    """Show what the learning rate will do in a training on DATA, or did in a RUN, and what happens when.

    \b
    sightline schedule photos/ -s train.schedule.name=one_cycle
    sightline schedule --samples 5000 -s train.epochs=30 -s train.schedule.name=restarts
    sightline schedule runs/001-photos
    """
    from sightline.workflow.say import Say  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.schedule import show_schedule  # noqa: PLC0415

    table = show_schedule(data, config=config, settings=list(settings), samples=samples, out=out, say=Say())
    if as_json:
        events = [{"step": step, "what": words} for step, words in table.events]
        lengths = {"steps": len(table.rates), "steps_per_epoch": table.clock.per_epoch, "warmup": table.clock.warmup}
        click.echo(json.dumps(lengths | {"lr": table.rates.tolist(), "events": events, "picture": str(out)}))
        return
    click.echo(table.title)
    click.echo(f"{'step':>8}{'epoch':>8}{'lr':>12}")
    for step, epoch, rate, words in table.rows():
        click.echo(f"{step:>8}{epoch:>8.2f}{rate:>12.3g}  {words}".rstrip())
    click.echo(f"picture {out}")
