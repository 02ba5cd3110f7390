"""The section about the training: curves, the numbers behind them, and what was said on the way."""

from collections.abc import Sequence
from typing import Any

from sightline.evaluation.curves import FIGURES, charts_of, evaluation_rows, figure_of
from sightline.evaluation.page.chart import line_chart
from sightline.evaluation.page.markup import count, missing, section, table, text
from sightline.evaluation.page.stated import source

MOST_ROWS = 120


def _columns(figure: str) -> dict[str, str]:
    title = FIGURES.get(figure, figure.replace("_", " "))
    return {
        "epoch": "Epoch",
        "step": "Step",
        "loss": "Training loss",
        "val_loss": "Validation loss",
        figure: f"Training {title.lower()}",
        f"val_{figure}": f"Validation {title.lower()}",
        "lr": "Learning rate",
    }


def training_section(records: Sequence[dict[str, Any]], least_loss: float = 0.0) -> str:
    """Loss, the task's figure and learning rate over the epochs.

    Args:
        records: as in ``records.jsonl``.
        least_loss: loss of perfect answers, where smoothed labels keep it above zero.
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
        f'<div class="charts">{drawn}</div>{_numbers(records)}{_notes(records)}{source("records.jsonl")}',
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
    heads = _columns(figure_of(records))
    columns = [key for key in heads if any(key in row for row in shown)]
    head = [heads[key] for key in columns]
    cells = [[_number(row.get(key)) for key in columns] for row in shown]
    note = f" (every {every}th of {len(rows)})" if every > 1 else ""
    listed = table(head, cells, numbers=range(len(head)), label="Figures at each evaluation")
    return f"<details><summary>The numbers behind the curves{note}</summary>{listed}</details>"


def _notes(records: Sequence[dict[str, Any]]) -> str:
    notes = [record for record in records if record.get("kind") == "note" and record.get("text")]
    if not notes:
        return ""
    items = "".join(f"<li><span>step {note.get('step', 0)}</span> {text(note['text'])}</li>" for note in notes)
    return f'<h3>Said on the way</h3><ul class="notes">{items}</ul>'


def _number(value: object) -> str:
    return text(f"{value:.4g}" if isinstance(value, float) else "–" if value is None else value)
