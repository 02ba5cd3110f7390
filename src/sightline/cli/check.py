"""``sightline check``."""

import json
from collections import Counter
from pathlib import Path

import click


@click.command("check")
@click.argument("data")
@click.option(
    "-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="data.reader, data.root, data.group, model.…."
)
@click.option("--run", type=click.Path(path_type=Path), help="A trained run: list the labels that it disbelieves.")
@click.option(
    "--train-too", is_flag=True, help="With --run: also the labels it was trained on, which it believes more."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(data: str, settings: tuple[str, ...], run: Path | None, train_too: bool, as_json: bool) -> None:
    """Look at every image of DATA and list what is wrong with it; the exit code is 1 where there are errors."""
    from sightline.workflow.check import check_data  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    findings = check_data(data, settings=list(settings), run=run, train_too=train_too, say=Say())
    counts = Counter(finding.severity for finding in findings)
    if as_json:
        click.echo(json.dumps({"findings": [finding.as_dict() for finding in findings]}, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(f"{finding.severity:<8}{finding.rule}: {finding.message}\n        {finding.remedy}")
        told = ", ".join(f"{counts[name]} {name}s" for name in ("error", "warning", "note"))
        click.echo(told)
    if counts["error"]:
        raise SystemExit(1)
    click.echo(f"next: sightline train {data}", err=True)
