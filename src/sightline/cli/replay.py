"""``sightline replay``."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sightline.workflow.replay import Parting

_SHOWN = 60


@click.command("replay")
@click.argument("run_a", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("run_b", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option("--steps", type=click.IntRange(min=1), help="Train so many steps of each again, and name the layer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(run_a: Path, run_b: Path, steps: int | None, as_json: bool) -> None:
    """Find the first step at which two runs part, and what differed first: batch, gradients or weights.

    Runs trained with train.digests=true are compared by their records, others by training 20 steps of each again. A
    run against itself shows whether it repeats itself.
    """
    from sightline.workflow.replay import replay_runs  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    say = Say()
    found = replay_runs(run_a, run_b, steps=steps, say=say)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2, default=str))
        return
    for name, (ours, theirs) in found.settings.items():
        click.echo(f"differs: {name}  {_short(ours)} | {_short(theirs)}")
    for folder, step in found.unlike.items():
        click.echo(f"{folder} does not repeat itself: step {step} has another loss than in its records")
    click.echo("\n".join(_verdict(found)))
    if found.step is not None and not found.retrained:
        click.echo(f"next: sightline replay {run_a} {run_b} --steps {found.step} names the layer", err=True)


def _verdict(found: "Parting") -> list[str]:
    if found.step is None:
        how = "trained again, are equal" if found.retrained else "of the records are equal"
        return [f"the first {found.compared} steps, {how}" if found.retrained else f"{found.compared} steps {how}"]
    if found.step == 0:
        lines = ["they part before the first step: the weights at the start differ"]
    else:
        first, *others = found.parts
        equal = {"batch": "", "gradients": ", its batch is the same", "weights": ", batch and gradients are the same"}
        follow = f" ({' and '.join(others)} follow)" if others else ""
        verb = "differs" if first == "batch" else "differ"
        lines = [f"they part at step {found.step}: the {first} {verb}{equal[first]}{follow}"]
    if found.tensors:
        lines.append(f"first: {found.tensors[0]}  ({len(found.tensors)} of {found.of} tensors)")
    return lines


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
