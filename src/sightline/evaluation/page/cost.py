"""The section about what the run took: time, memory, and the size of the network."""

from collections.abc import Sequence
from typing import Any

from sightline.evaluation.page.markup import section, table
from sightline.evaluation.page.stated import Stated, source

_MEMORY = {
    "weights": "Weights in memory",
    "gradients": "Gradients in memory",
    "optimizer": "State of the optimizer in memory",
    "average": "Average of the weights in memory",
    "activations": "Activations of a micro-batch in memory, kept for the backward pass",
    "peak": "Memory at the peak, everything included",
    "reserved": "Held of the GPU at the peak",
}


def cost_section(info: Stated, records: Sequence[dict[str, Any]], duration: str) -> str:
    """Parameters, time of the steps, images a second and memory; nothing where none of it is known.

    Args:
        info: ``run.json``.
        records: as in ``records.jsonl``.
        duration: from start to end, in words.
    """
    rows = [["Parameters", info["parameters"].plain(",")]] if info.get("parameters") is not None else []
    steps = {one["step"]: one for one in records if one.get("kind") == "step" and "seconds" in one}
    seconds = sum(one["seconds"] for one in steps.values())
    if duration:
        rows.append(["From start to end", duration])
    if seconds:
        images = sum(one.get("images", 0) for one in steps.values())
        rows.append(["All training steps together (sum of <code>seconds</code>)", f"{seconds:,.1f} s"])
        rows.append(["Images trained on a second of that", f"{images / seconds:,.1f}"])
        waited = sum(one.get("wait", 0.0) for one in steps.values())
        rows.append(["Share of that spent waiting for images", f"{waited / seconds:.1%}"])
    memory = info.get("memory")
    if memory is not None:
        rows += [
            [words, memory[key].shown(lambda value: f"{value / 2**20:,.1f} MiB")]
            for key, words in _MEMORY.items()
            if memory.value.get(key)
        ]
    if not rows:
        return ""
    lead = (
        "What this run took. <code>sightline report RUN OTHER</code> measures latency, side by side with another run."
    )
    body = table(["What", "How much"], rows, numbers=[1], label="What the run took")
    return section("cost", "Cost", lead, body + source(info.file, "records.jsonl"))
