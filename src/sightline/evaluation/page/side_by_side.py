"""What runs cost, how they learnt and which settings they do not share, side by side."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sightline.evaluation.curves import Chart, Curve, charts_of
from sightline.evaluation.page.chart import line_chart
from sightline.evaluation.page.markup import missing, name, section, table, text
from sightline.evaluation.page.stated import Stated, source

STYLES = 6
"""Kinds of lines; of more runs, some look alike."""


def costs_section(found: Stated) -> str:
    """Parameters, multiply-adds, bytes, latency, training time and energy; nothing where they were not measured."""
    rows = [row for row in found["runs"] if row.get("costs") is not None]
    if not rows:
        return ""
    head = [
        "Run",
        "Parameters",
        "Multiply-adds",
        "Weights",
        "Latency",
        "95th percentile",
        "Training",
        "Energy an image",
    ]
    cells = [[name(row.value["run"]), *_cost(row["costs"])] for row in rows]
    place = rows[0].value["costs"]["latency_ms"]
    lead = (
        f"Measured just now on {text(place['machine'])} ({text(place['device'])}, {place['threads']} threads): the "
        "runs in turns, one image at a time."
    )
    absent = rows[0].value["costs"].get("joules_absent")
    if absent:
        lead += f" Energy was not measured: {text(absent)}."
    body = table(head, cells, numbers=range(1, len(head)), label="What each run costs")
    return section("cost", "Cost", lead, body + source(found.file))


def _cost(own: Stated) -> list[str]:
    latency, seconds, energy = own["latency_ms"], own["training_seconds"], own["joules_per_image"]
    work = own["multiply_adds"]
    return [
        own["parameters"].plain(","),
        "–" if work.value is None else work.shown(lambda value: f"{value / 1e6:,.4g} M"),
        own["weights_bytes"].shown(lambda value: f"{value / 1e6:,.3g} MB"),
        latency["p50"].plain(".3g", "ms"),
        latency["p95"].plain(".3g", "ms"),
        "–" if seconds.value is None else seconds.shown(_seconds),
        "–" if energy.value is None else energy.shown(lambda value: f"{value * 1000:.3g} mJ"),
    ]


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s"


def curves_section(records: Mapping[str, Sequence[dict[str, Any]]]) -> str:
    """Loss, the task's figure and the learning rate of all runs in one chart each.

    Args:
        records: of each run, as in its ``records.jsonl``.
    """
    lines: dict[str, Chart] = {}
    kinds: dict[str, list[str]] = {}
    for place, (run, own) in enumerate(records.items()):
        for chart in charts_of(own):
            curve = next((one for one in chart.curves if one.name == "validation"), chart.curves[0])
            title = (
                f"{curve.name.capitalize()}: {chart.title.lower()}" if curve.name != "learning rate" else chart.title
            )
            into = lines.setdefault(chart.key + curve.name[:5].strip(), Chart(chart.key, title, []))
            into.curves.append(Curve(run, curve.x, curve.y))
            kinds.setdefault(chart.key + curve.name[:5].strip(), []).append(f"run{place % STYLES}")
    if not lines:
        return ""
    drawn = "".join(line_chart(chart, kinds[key], key) for key, chart in lines.items())
    lead = "On the images that each was trained without; where there were none, on those it was trained on."
    body = f'<div class="charts">{drawn}</div>{_last(lines)}{source("records.jsonl of each run")}'
    return section("training", "Training", lead, body)


def _last(lines: Mapping[str, Chart]) -> str:
    """Where each curve ends, for those who cannot see it."""
    rows = [
        [text(chart.title), name(curve.name), f"{curve.x[-1]:.3g}", f"{curve.y[0]:.4g}", f"{curve.y[-1]:.4g}"]
        for chart in lines.values()
        for curve in chart.curves
    ]
    listed = table(["Curve", "Run", "Epochs", "First", "Last"], rows, numbers=(2, 3, 4), label="Ends of the curves")
    return f"<details><summary>Where the curves begin and end</summary>{listed}</details>"


def settings_section(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """The settings that are not the same in all runs.

    Args:
        settings: of each run, by dotted name.
    """
    keys = sorted({key for own in settings.values() for key in own})
    differ = [key for key in keys if len({_plain(own.get(key)) for own in settings.values()}) > 1]
    title = "Settings that differ"
    if not differ:
        return section("settings", title, "Every setting is the same in all runs.", missing("There is none."))
    rows = [
        [f"<code>{text(key)}</code>", *(f"<code>{text(_plain(own.get(key)))}</code>" for own in settings.values())]
        for key in differ
    ]
    body = table(["Setting", *(name(run) for run in settings)], rows, label=title)
    lead = "All others are the same. What was learnt differs for these, and for whatever is in the images."
    return section("settings", title, lead, f"{body}{source('run.json of each run')}")


def _plain(value: object) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
