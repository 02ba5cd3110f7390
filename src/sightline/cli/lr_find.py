"""``sightline lr-find``."""

import json
import shlex
from pathlib import Path

import click


@click.command("lr-find")
@click.argument("data", required=False)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings in a YAML file.")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting; goes over the file.")
@click.option("--steps", type=click.IntRange(20, 10_000), default=100, show_default=True, help="Steps of the sweep.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("lr.png"), show_default=True, help="PNG to write.")
@click.option("--json", "as_json", is_flag=True, help="Print rates, losses and the proposal as JSON.")
def command(
    data: str | None, config: Path | None, settings: tuple[str, ...], steps: int, out: Path, as_json: bool
) -> None:
    """Propose a learning rate for DATA: train for some steps while it rises, until the loss blows up.

    The rates lie around train.lr (or what `auto` makes of it), from a thousandth of it to a hundred times.

    \b
    sightline lr-find photos/
    sightline lr-find photos/ -s train.optimizer.name=sgd --steps 200 --out sgd.png
    """
    from sightline.workflow.lr_find import find_lr  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    sweep = find_lr(data, config=config, settings=list(settings), steps=steps, out=out, say=Say())
    if as_json:
        found = {"proposed": sweep.proposed, "lowest": sweep.lowest, "steepest": sweep.steepest, "rises": sweep.rises}
        curve = {"rates": sweep.rates.tolist(), "losses": sweep.losses.tolist()}
        click.echo(json.dumps(found | {"picture": str(out)} | curve))
        return
    click.echo(f"proposed train.lr {sweep.proposed:g}: half of where the loss was least")
    click.echo(f"steepest fall at {sweep.steepest:g}, least loss at {sweep.lowest:g}")
    if not sweep.rises:
        click.echo("the loss still fell at the end of the sweep: a higher rate may be better", err=True)
    click.echo(f"picture {out}: {len(sweep.rates)} steps, {sweep.rates[0]:.2g} to {sweep.rates[-1]:.2g}")
    others = [word for word in settings if not word.replace(" ", "").startswith("train.lr=")]
    words = [*([data] if data else []), *(["-c", str(config)] if config else [])]
    words += [word for setting in [*others, f"train.lr={sweep.proposed:g}"] for word in ("-s", setting)]
    click.echo(f"next: sightline train {shlex.join(words)}", err=True)
