"""``sightline models``."""

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from sightline.errors import ModelError

if TYPE_CHECKING:
    from sightline.model.catalog import Entry

_BUDGETS = {
    "tiny": "up to 3 M parameters",
    "small": "up to 10 M parameters",
    "medium": "up to 30 M parameters",
    "large": "more than that",
}


@click.command("models")
@click.argument("pattern", required=False)
@click.option("--budget", type=click.Choice(tuple(_BUDGETS)), help="Only those of this size.")
@click.option("--macs", is_flag=True, help="Count the multiply-adds of one image too, which takes longer once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(pattern: str | None, budget: str | None, macs: bool, as_json: bool) -> None:
    """List networks whose name matches PATTERN: every one of timm, and the built-in ones.

    Without PATTERN: which to begin with, by size. Nothing is fetched. Sizes are measured once and remembered.

    \b
    sightline models
    sightline models 'mobilenet*'
    sightline models 'resnet18.*'
    """
    from sightline.model import catalog  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.model.advice import ADVICE  # noqa: PLC0415
    from sightline.workflow.say import Say  # noqa: PLC0415

    advice = {name: why for group in ADVICE.values() for name, why in group.items()}
    names = catalog.find(pattern) if pattern else list(advice)
    with Say(quiet=as_json).progress("models") as tell:
        found = catalog.describe(names, macs=macs, tell=tell)
    found = [entry for entry in found if budget in (None, entry.budget)]
    if not found:
        raise ModelError(
            f"none of the {len(names)} models that match '{pattern}' is of this size", where="--budget", got=budget,
            hint=f"sightline models '{pattern}' lists them",
        )  # fmt: skip
    if as_json:
        words = {} if pattern else advice
        told = [{**dataclasses.asdict(one), "budget": one.budget} for one in found]
        more = [{"advice": words[one.name]} if one.name in words else {} for one in found]
        click.echo(json.dumps([one | extra for one, extra in zip(told, more, strict=True)], ensure_ascii=False))
    elif pattern:
        _table(sorted(found, key=lambda entry: (entry.parameters or 0, entry.name)))
        click.echo(f"{len(found)} model{'' if len(found) == 1 else 's'}", err=True)
    else:
        for name in (name for name in ADVICE if budget in (None, name)):
            click.echo(f"{name}: {_BUDGETS[name]}")
            _table([entry for entry in found if entry.budget == name], advice)
            click.echo()
    name = found[0].name if pattern else "NAME"
    click.echo(f"next: sightline model {name}, or sightline train FOLDER -s model.name={name}", err=True)


def _table(entries: "list[Entry]", advice: dict[str, str] | None = None) -> None:
    """Columns that are as wide as they must be: names are never cut, also where no terminal tells its width."""
    rows = [("name", "parameters", "MACs", "pixels", "licence of the weights")]
    rows += [_row(entry) for entry in entries]
    if all(row[2] == "" for row in rows[1:]):
        rows = [(*row[:2], "", *row[3:]) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row, entry in zip(rows, [None, *entries], strict=True):
        number = [text.rjust(width) for text, width in zip(row[1:4], widths[1:4], strict=True) if width]
        click.echo("  ".join(["", row[0].ljust(widths[0]), *number, row[4]]).rstrip())
        if advice and entry is not None:
            click.echo(f"      {advice[entry.name]}")


def _row(entry: "Entry") -> tuple[str, str, str, str, str]:
    size = "?" if entry.parameters is None else f"{entry.parameters / 1e6:.2f} M"
    macs = "" if entry.macs is None else f"{entry.macs / 1e9:.3g} G"
    first, *others = entry.weights or ("",)
    named = " and ".join([*([first] if first else []), *([f"{len(others)} more"] if others else [])])
    licence = f"{entry.license} ({named})" if named else entry.license
    return entry.name, size, macs, str(entry.size), licence if entry.weights else "no published weights"
