"""``sightline model``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sightline.workflow.outline import Node, Outline


@click.command("model")
@click.argument("target", metavar="RUN|NAME")
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings in a YAML file.")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting; goes over the file.")
@click.option("--classes", type=click.IntRange(1), help="Outputs of a NAME.  [default: 10]")
@click.option("--depth", type=click.IntRange(0), default=2, show_default=True, help="Levels of parts to show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(
    target: str, config: Path | None, settings: tuple[str, ...], classes: int | None, depth: int, as_json: bool
) -> None:
    """Show the network of RUN, or of that NAME, as a tree: parameters, those that learn, and how fast.

    \b
    sightline model resnet18
    sightline model runs/first
    sightline model resnet18 -s train.layer_decay=0.8 -s train.freeze=2ep
    """
    from sightline.workflow.outline import outline  # noqa: PLC0415  the libraries behind it are slow to import

    seen = outline(target, config=config, settings=list(settings), classes=classes, depth=depth)
    if as_json:
        click.echo(json.dumps(seen.as_dict(), ensure_ascii=False))
        return
    show(seen)
    again = [word for setting in settings for word in ("-s", setting)]
    following = f"evaluate {target}" if Path(target).is_dir() else " ".join(
        ["train FOLDER -s", f"model.name={target}", *([f"-c {config}"] if config else []), *again]
    )  # fmt: skip
    click.echo(f"next: sightline {following}", err=True)


def show(seen: "Outline") -> None:
    """Print the tree."""
    rate = "share of the rate" if seen.lr is None else "learning rate"
    rows = [("part", "kind", "parameters", "trainable", rate), *_rows(seen.root, 0)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for name, kind, count, trains, rates in rows:
        cells = (name.ljust(widths[0]), kind.ljust(widths[1]), count.rjust(widths[2]), trains.rjust(widths[3]), rates)
        click.echo("  ".join(cells).rstrip())
    click.echo()
    click.echo(f"input    {seen.channels} x {seen.size} x {seen.size}, output {seen.classes} classes")
    click.echo(f"head     {', '.join(seen.head) or 'not known'}")
    if seen.frozen:
        click.echo(f"frozen   what shows no rate, for {seen.frozen}")


def _rows(node: "Node", level: int) -> list[tuple[str, str, str, str, str]]:
    ends = list(dict.fromkeys((node.rates[0], node.rates[-1]))) if node.rates else []
    rates = " to ".join(f"{rate:.3g}" for rate in ends)
    own = ("  " * level + node.name, node.kind, f"{node.parameters:,}", f"{node.trainable:,}", rates)
    return [own, *(row for child in node.children for row in _rows(child, level + 1))]
