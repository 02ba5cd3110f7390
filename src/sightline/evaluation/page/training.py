"""The section about the training: curves, the numbers behind them, and what was said on the way."""

from collections.abc import Sequence
from typing import Any

from sightline.evaluation.curves import charts_of, evaluation_rows
from sightline.evaluation.page.chart import line_chart
from sightline.evaluation.page.markup import count, missing, section, table, text

MOST_ROWS = 120

_COLUMNS = {
    "epoch": "Epoch",
    "step": "Step",
    "loss": "Training loss",
    "val_loss": "Validation loss",
    "accuracy": "Training accuracy",
    "val_accuracy": "Validation accuracy",
    "lr": "Learning rate",
}


_MEMORY = {
    "weights": "Weights",
    "gradients": "Gradients",
    "optimizer": "State of the optimizer",
    "average": "Average of the weights",
    "activations": "Activations of a micro-batch, kept for the backward pass",
    "peak": "At the peak, everything included",
    "reserved": "Held of the GPU at the peak",
}


def training_section(
    records: Sequence[dict[str, Any]], least_loss: float = 0.0, memory: dict[str, Any] | None = None
) -> str:
    """Loss, accuracy and learning rate over the epochs.

    Args:
        records: as in ``records.jsonl``.
        least_loss: loss of perfect answers, where smoothed labels keep it above zero.
        memory: bytes that the training took, and for what.
    """
    charts = charts_of(records)
    if not charts:
        return section("training", "Training", "Nothing was recorded.", missing("The run has no training steps yet."))
    drawn = "".join(line_chart(chart) for chart in charts)
    lead = _lead(records)
    if least_loss:
        lead += f" Labels are smoothed, so that perfect answers have a loss of {least_loss:.3f} and not of 0."
    return section(
        "training",
        "Training",
        lead,
        f'<div class="charts">{drawn}</div>{_numbers(records)}{_memory(memory or {})}{_notes(records)}',
    )


def _lead(records: Sequence[dict[str, Any]]) -> str:
    steps = [record for record in records if record.get("kind") == "step"]
    evaluations = [record for record in records if record.get("kind") == "eval"]
    last = (steps or evaluations)[-1]
    words = f"{count(int(last['step']), 'step')} over {last['epoch']:.3g} epochs"
    best = [record for record in evaluations if record.get("best") is True]
    if best:
        words += f". The weights of epoch {best[-1]['epoch']:.3g} were kept: they did best on the validation images"
    elif not evaluations:
        words += ". There was no evaluation on validation images on the way"
    return words + "."


def _numbers(records: Sequence[dict[str, Any]]) -> str:
    rows = evaluation_rows(records)
    every = -(-len(rows) // MOST_ROWS)
    shown = [row for place, row in enumerate(rows) if place % every == 0 or place == len(rows) - 1]
    columns = [key for key in _COLUMNS if any(key in row for row in shown)]
    head = [_COLUMNS[key] for key in columns]
    cells = [[_number(row.get(key)) for key in columns] for row in shown]
    note = f" (every {every}th of {len(rows)})" if every > 1 else ""
    listed = table(head, cells, numbers=range(len(head)), label="Figures at each evaluation")
    return f"<details><summary>The numbers behind the curves{note}</summary>{listed}</details>"


def _memory(memory: dict[str, Any]) -> str:
    rows = [[words, f"{memory[key] / 2**20:,.1f} MiB"] for key, words in _MEMORY.items() if memory.get(key)]
    if not rows:
        return ""
    listed = table(["Memory for", "Size"], rows, numbers=[1], label="Memory of the training")
    return f"<details><summary>Memory</summary>{listed}</details>"


def _notes(records: Sequence[dict[str, Any]]) -> str:
    notes = [record for record in records if record.get("kind") == "note" and record.get("text")]
    if not notes:
        return ""
    items = "".join(f"<li><span>step {note.get('step', 0)}</span> {text(note['text'])}</li>" for note in notes)
    return f'<h3>Said on the way</h3><ul class="notes">{items}</ul>'


def _number(value: object) -> str:
    return text(f"{value:.4g}" if isinstance(value, float) else "–" if value is None else value)
