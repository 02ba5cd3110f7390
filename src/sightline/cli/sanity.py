"""``sightline sanity``."""

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sightline.findings import Finding


@click.command("sanity")
@click.argument("data", required=False)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings in a YAML file.")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting; goes over the file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(data: str | None, config: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Check a training on DATA before it is begun; the exit code is 1 where there are errors.

    Shapes, the loss before the first step, one batch learnt by heart, gradients, whether the images matter, time and
    memory. Nothing is kept but caches.

    \b
    sightline sanity photos/
    sightline sanity photos/ -c settings.yaml -s train.lr=0.01
    """
    from sightline.workflow.sanity import check_sanity  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    findings = check_sanity(data, config=config, settings=list(settings), say=Say())
    counts = Counter(finding.severity for finding in findings)
    if as_json:
        click.echo(json.dumps({"findings": [finding.as_dict() for finding in findings]}, ensure_ascii=False))
    else:
        for finding in findings:
            _show(finding)
        told = [f"{counts[name]} {name}{'' if counts[name] == 1 else 's'}" for name in ("error", "warning")]
        click.echo(", ".join([*told, f"{counts['note']} of {len(findings)} checks ok"]))
    if counts["error"]:
        click.echo("next: mend the errors, then sightline sanity again", err=True)
        raise SystemExit(1)
    words = [*([data] if data else []), *(["-c", str(config)] if config else [])]
    words += [word for setting in settings for word in ("-s", setting)]
    click.echo(f"next: sightline train {shlex.join(words)}", err=True)


_WORDS = {"error": "error", "warning": "warning", "note": "ok"}
_COLORS = {"error": "red", "warning": "yellow", "note": "green"}


def _show(finding: "Finding") -> None:
    """One line of what was seen; where something is wrong, one more of what to do."""
    word = click.style(f"{_WORDS[finding.severity]:<8}", fg=_COLORS[finding.severity])
    click.echo(f"{word}{finding.rule.removeprefix('sanity.'):<15}{finding.message}")
    if finding.severity != "note":
        settings = "".join(f" -s {word}" for word in finding.settings)
        told = [finding.remedy, *([settings.strip()] if settings else []), f"see {finding.page}"]
        click.echo(f"{'':23}{'; '.join(told)}")
