"""``sightline check``."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sightline.findings import Finding


@click.command("check")
@click.argument("data")
@click.option(
    "-s",
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of data.* about reading; with a model, of model.*",
)
@click.option("--run", type=click.Path(path_type=Path), help="A trained run: list the labels that it disbelieves.")
@click.option(
    "--train-too", is_flag=True, help="With --run: also the labels it was trained on, which it believes more."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.  [default: check]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; write files only where --out says so.")
def command(
    data: str, settings: tuple[str, ...], run: Path | None, train_too: bool, out: Path | None, as_json: bool
) -> None:
    """Look at every image of DATA and list what is wrong with it; the exit code is 1 where there are errors.

    No image is changed. The folder of --out gets check.html with pictures, check.json, and quarantine.csv: the images
    to do without, which `-s data.exclude=check/quarantine.csv` leaves out.
    """
    from sightline.workflow.check import examine, write_check  # noqa: PLC0415  the libraries behind it are slow
    from sightline.workflow.say import Say  # noqa: PLC0415

    checked = examine(data, settings=list(settings), run=run, train_too=train_too, say=Say())
    folder = out or (None if as_json else Path("check"))
    quarantined = write_check(checked, folder, data) if folder else 0
    counts = Counter(finding.severity for finding in checked.findings)
    if as_json:
        click.echo(json.dumps(checked.as_dict(), ensure_ascii=False))
    else:
        if checked.findings:
            _table(checked.findings)
        click.echo(", ".join(f"{counts[name]} {name}{'' if counts[name] == 1 else 's'}" for name in _SEVERITIES))
    if folder:
        click.echo(f"results {folder / 'check.html'}", err=as_json)
    _what_next(data, settings, folder, quarantined, counts["error"])
    if counts["error"]:
        raise SystemExit(1)


_SEVERITIES = ("error", "warning", "note")
_COLORS = {"error": "bold red", "warning": "yellow", "note": "dim"}


def _table(findings: "Sequence[Finding]") -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table("severity", "rule", "what, and what to do", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for finding in findings:
        told = Text(finding.message)
        told.append(f"\n{finding.remedy}", style="dim")
        table.add_row(Text(finding.severity, style=_COLORS[finding.severity]), finding.rule, told)
    Console(highlight=False).print(table)


def _what_next(data: str, settings: tuple[str, ...], folder: Path | None, quarantined: int, errors: int) -> None:
    """The natural next command: training, without the quarantined images where that is what mends it."""
    more = "".join(f" -s {word}" for word in settings if word.partition("=")[0] in ("data.reader", "data.root"))
    if quarantined and folder and not any(word.startswith("data.exclude") for word in settings):
        table = folder / "quarantine.csv"
        number = f"{quarantined} image{'' if quarantined == 1 else 's'}"
        without = f"sightline train {data}{more} -s data.exclude={table}"
        click.echo(f"next: look at {folder / 'check.html'}; {without} leaves out {number}", err=True)
    elif not errors:
        click.echo(f"next: sightline train {data}{more}", err=True)
    else:
        click.echo("next: mend the errors, then check again", err=True)
