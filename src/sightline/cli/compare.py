"""``sightline compare``."""

import json
from pathlib import Path
from typing import Any

import click


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=click.Path(path_type=Path))
@click.option("--part", metavar="PART", help="train, val or test.  [default: test; val where there is none]")
@click.option("--common", is_flag=True, help="Where the runs were measured on different images: on those all have.")
@click.option("--margin", type=float, help="A difference that does not matter, such as 0.01: asks for equivalence too.")
@click.option("--changes", type=click.Path(path_type=Path), help="CSV for the images that get another answer.")
@click.option("--no-costs", is_flag=True, help="Leave out size, latency and energy, which are measured now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(
    runs: tuple[Path, ...],
    part: str | None,
    common: bool,
    margin: float | None,
    changes: Path | None,
    no_costs: bool,
    as_json: bool,
) -> None:
    """Say which of several RUNs is better on the same images, and whether that can be told at all.

    Each pair gets a difference with its interval from a paired bootstrap, and an exact or a permutation test whose p
    is corrected for the number of pairs.

    \b
    sightline compare runs/small runs/large --changes changes.csv
    sightline compare runs/*/ --margin 0.01 --json
    """
    from sightline.workflow.compare import compare_runs  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    found = compare_runs(
        runs, part=part, common=common, margin=margin, changes=changes, costs=not no_costs, say=Say()
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    _show(found)
    if changes is not None:
        click.echo(f"changed images: {changes}", err=True)
    else:
        click.echo("next: --changes FILE lists the images that get another answer", err=True)


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415

    console = Console(soft_wrap=False)
    click.echo(f"{found['n']} images of the {found['part']} part, intervals of {found['confidence']:.0%}")
    figures = list(found["runs"][0]["figures"])
    rows = [[row["run"], *(_interval(row["figures"][key]) for key in figures)] for row in found["runs"]]
    console.print(_table(["run", *figures], rows))
    if "costs" in found["runs"][0]:
        console.print(_table(_COSTS, [[row["run"], *_costs(row["costs"])] for row in found["runs"]]))
        absent = found["runs"][0]["costs"].get("joules_absent")
        if absent:
            click.echo(f"energy: not measured, {absent}")
    for pair in found["pairs"]:
        test = pair["test"]
        counts = ", ".join(f"{test[key]} {words}" for key, words in _CHANGES.items() if key in test)
        click.echo(f"{pair['told']}\n  {test['name']}; {pair['one']} to {pair['other']}: {counts}")


_COSTS = ["run", "parameters", "MACs", "weights", "latency p50", "p95", "training", "energy an image"]
_CHANGES = {
    "right_to_wrong": "right to wrong",
    "wrong_to_right": "wrong to right",
    "other_wrong_answer": "wrong either way with another answer",
    "nearer": "nearer to the truth",
    "farther": "farther from it",
}


def _costs(own: dict[str, Any]) -> list[str]:
    latency, seconds, joules = own["latency_ms"], own["training_seconds"], own["joules_per_image"]
    return [
        f"{own['parameters']:,}",
        "–" if own["multiply_adds"] is None else f"{own['multiply_adds'] / 1e6:,.4g} M",
        f"{own['weights_bytes'] / 1e6:,.3g} MB",
        f"{latency['p50']:.3g} ms",
        f"{latency['p95']:.3g} ms",
        "–" if seconds is None else f"{seconds:,.3g} s",
        "–" if joules is None else f"{joules * 1000:.3g} mJ",
    ]


def _interval(value: dict[str, float]) -> str:
    return f"{value['value']:.4g}  {value['low']:.4g} to {value['high']:.4g}"


def _table(heads: list[str], rows: list[list[str]]) -> Any:
    from rich.table import Table  # noqa: PLC0415

    table = Table(*heads, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    return table
