"""``sightline diagnose``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sightline.findings import Finding
    from sightline.workflow.remedies import Applied


@click.command("diagnose")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--rule", "rules", multiple=True, metavar="FILE:RULE", help="A rule of your own, beside the others.")
@click.option("--apply", "new", type=click.Path(path_type=Path), help="Write settings with the remedies in them here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(run: Path, rules: tuple[str, ...], new: Path | None, as_json: bool) -> None:
    """Say what is wrong with the training in RUN, finished or under way, and which setting to change.

    \b
    sightline diagnose runs/first
    sightline diagnose runs/first --apply mended.yaml
    """
    from sightline.workflow.diagnose import diagnose_run  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.remedies import apply_remedies  # noqa: PLC0415

    findings = diagnose_run(run, rules=rules)
    applied = apply_remedies(run, findings, new) if new is not None else None
    if as_json:
        document = {"findings": [finding.as_dict() for finding in findings]}
        told = {} if applied is None else {"applied": applied.taken, "left_out": applied.left}
        click.echo(json.dumps(document | told, ensure_ascii=False))
    else:
        if findings:
            _table(findings)
        counts = {name: sum(one.severity == name for one in findings) for name in _SEVERITIES}
        click.echo(", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items()))
    _what_next(run, findings, applied)


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
        if finding.settings:
            told.append("\n" + " ".join(f"-s {word}" for word in finding.settings), style="cyan")
        if finding.page:
            told.append(f"\n{finding.page}", style="dim")
        table.add_row(Text(finding.severity, style=_COLORS[finding.severity]), finding.rule, told)
    Console(highlight=False).print(table)


def _what_next(run: Path, findings: "Sequence[Finding]", applied: "Applied | None") -> None:
    if applied is not None:
        for word, reason in applied.left.items():
            click.echo(f"left out: {word} ({reason})", err=True)
        if not applied.taken:
            click.echo(f"no finding has a setting to change: {applied.path} holds those of the run", err=True)
        click.echo(f"settings {applied.path}", err=True)
        click.echo(f"next: look at {applied.path}; sightline train -c {applied.path}", err=True)
    elif any(finding.settings for finding in findings):
        click.echo(f"next: sightline diagnose {run} --apply mended.yaml writes these settings into a file", err=True)
