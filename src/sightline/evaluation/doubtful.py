"""The images to look at: those answered worst, those the model is least sure of, those that are likely mislabelled."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.suspects import suspects
from sightline.evaluation.judged import truths_told
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats

FAR = 6.0
"""Numbers count as doubtful where their error is this many robust standard deviations from the middle error."""
COLUMNS = ("list", "rank", "path", "truth", "answer", "score", "note")
"""Columns of the table of all lists."""


def error_lists(own: Predictions, most: int) -> dict[str, Any]:
    """Three lists of images, each ranked.

    ``worst``: the answers that cost the most loss (of numbers the largest errors, in standard deviations of the truth).
    ``least_sure``: the smallest distance between the two most probable classes, or of a label from its threshold;
    numbers come without a probability, so this list is absent for them. ``mislabelled``: confident learning
    (Northcutt, Jiang and Chuang, 2021), for labels one label at a time; of numbers the errors that lie far outside of
    the others by median and median deviation (Hampel, 1974).

    The last list is worth something only for images that the model was not trained on.

    Args:
        own: what the model said; images without a truth take no part.
        most: entries of each list at most.

    Returns:
        JSON-ready: of each list ``count`` (of the worst the wrong answers, of the likely mislabelled all of them) and
        ``images``, with ``path``, ``truth``, ``answer``, ``score`` and ``note``; ``part`` and ``n``.
    """
    lists = {"class": _of_classes, "labels": _of_labels, "numbers": _of_numbers}[own.kind](own, most)
    known = int((own.labels >= 0).sum()) if own.kind == "class" else len(own)
    return {"part": own.part, "n": known, "kind": own.kind, **lists}


def table_rows(lists: dict[str, Any]) -> list[list[str]]:
    """Every list as rows of one table, see ``COLUMNS``."""
    return [
        [name, str(rank), one["path"], one["truth"], one["answer"], f"{one['score']:.6g}", one["note"]]
        for name in ("worst", "least_sure", "mislabelled")
        for rank, one in enumerate(lists[name].get("images", ()), start=1)
    ]


def _listed(
    own: Predictions, rows: Sequence[int], answers: Sequence[str], scores: Sequence[float], notes: Sequence[str]
) -> list[dict[str, Any]]:
    """Entries for these rows; the other columns have one value for each of them."""
    truths = truths_told(own)
    return [
        {"path": own.paths[row], "truth": truths[row], "answer": answer, "score": float(score), "note": note}
        for row, answer, score, note in zip(rows, answers, scores, notes, strict=True)
    ]


def _of_classes(own: Predictions, most: int) -> dict[str, Any]:
    known = np.flatnonzero(own.labels >= 0)
    names, labels, chances = own.classes, own.labels[known], own.probabilities[known]
    losses = -own.log_probabilities[known, labels]
    order = np.argsort(-chances, axis=1, kind="stable")
    second = order[:, min(1, len(names) - 1)]
    ranked = np.take_along_axis(chances, order, axis=1)
    margin = ranked[:, 0] - ranked[:, 1] if len(names) > 1 else np.ones(len(known))
    said = [names[place] for place in own.predicted[known].tolist()]
    worst, unsure = (np.argsort(by, kind="stable")[:most].tolist() for by in (-losses, margin))
    of_truth = [f"{chance:.3f}" for chance in chances[np.arange(len(known)), labels]]

    def told(rows: list[int], answers: list[str], scores: Floats, notes: list[str]) -> list[dict[str, Any]]:
        return _listed(own, known[rows].tolist(), answers, scores.tolist(), notes)

    notes = [f"probability of the truth {of_truth[row]}" for row in worst]
    wrong = told(worst, [said[row] for row in worst], losses[worst], notes)
    notes = [f"or {names[second[row]]}" for row in unsure]
    wavering = told(unsure, [said[row] for row in unsure], margin[unsure], notes)
    found = suspects(chances, labels)
    rows: list[int] = found.indices[:most].tolist()
    likely = [str(names[place]) for place in found.likely[:most].tolist()]
    doubted = told(rows, likely, found.margin[:most], [f"probability of the label {of_truth[row]}" for row in rows])
    return {
        "worst": _list("log loss", int((own.predicted[known] != labels).sum()), wrong),
        "least_sure": _list("probability of the answer less that of the next class", len(known), wavering),
        "mislabelled": _list("probability of the likely class less that of the label", len(found), doubted),
    }


def _list(score: str, count: int, images: list[dict[str, Any]]) -> dict[str, Any]:
    return {"score": score, "count": count, "images": images}


def _of_labels(own: Predictions, most: int) -> dict[str, Any]:
    true, given, names = own.targets > 0.5, own.given, own.classes
    losses = np.logaddexp(0, np.where(true, -1, 1) * own.logits.astype(np.float64))
    distance = np.abs(own.probabilities - own.threshold)
    nearest, costs, distances = distance.argmin(axis=1), losses.mean(axis=1), distance.min(axis=1)
    said = ["|".join(name for name, on in zip(names, row, strict=True) if on) for row in given.tolist()]
    worst, unsure = (np.argsort(by, kind="stable")[:most].tolist() for by in (-costs, distances))

    def told(rows: list[int], scores: list[float], notes: list[str]) -> list[dict[str, Any]]:
        return _listed(own, rows, [said[row] for row in rows], scores, notes)

    wrong = told(worst, costs[worst].tolist(), [f"most by {names[losses[row].argmax()]}" for row in worst])
    notes = [f"{names[nearest[row]]} {own.probabilities[row, nearest[row]]:.3f}" for row in unsure]
    wavering = told(unsure, distances[unsure].tolist(), notes)
    doubts = _turned(own, true)
    kept = doubts[:most]
    notes = [f"{names[place]} is likely {'too much' if true[row, place] else 'missing'}" for _, row, place in kept]
    doubted = told([row for _, row, _ in kept], [margin for margin, _, _ in kept], notes)
    return {
        "worst": _list("mean log loss over the labels", int((true != given).any(axis=1).sum()), wrong),
        "least_sure": _list("distance of a probability from the threshold", len(own), wavering),
        "mislabelled": _list("probability of the other way less that of the label", len(doubts), doubted),
    }


def _turned(own: Predictions, true: NDArray[np.bool_]) -> list[tuple[float, int, int]]:
    """Margin, row and label of each label that is likely the other way, the most doubtful first."""
    doubts: list[tuple[float, int, int]] = []
    for place in range(len(own.classes)):
        chance = own.probabilities[:, place]
        if true[:, place].any() and not true[:, place].all():
            found = suspects(np.stack([1 - chance, chance], axis=1), true[:, place].astype(np.int32))
            pairs = zip(found.margin.tolist(), found.indices.tolist(), strict=True)
            doubts += [(margin, row, place) for margin, row in pairs]
    return sorted(doubts, key=lambda one: (-one[0], one[1], one[2]))


def _of_numbers(own: Predictions, most: int) -> dict[str, Any]:
    true, said = own.targets.astype(np.float64), own.logits.astype(np.float64)
    spread = np.maximum(true.std(axis=0), 1e-12)
    errors = (said - true) / spread
    size, place = np.abs(errors).max(axis=1), np.abs(errors).argmax(axis=1)
    worst = np.argsort(-size, kind="stable")[:most]
    middle = np.median(errors, axis=0)
    robust = 1.4826 * np.median(np.abs(errors - middle), axis=0)
    far = np.divide(np.abs(errors - middle), robust, out=np.zeros_like(errors), where=robust > 0)
    doubtful = np.flatnonzero(far.max(axis=1) > FAR)
    doubtful = doubtful[np.argsort(-far[doubtful].max(axis=1), kind="stable")]
    answers = ["|".join(str(value) for value in row) for row in own.logits]

    def notes(rows: NDArray[np.integer[Any]], columns: NDArray[np.integer[Any]]) -> list[str]:
        return [own.classes[columns[row]] for row in rows]

    kept = doubtful[:most]
    wrong = _listed(own, worst.tolist(), [answers[row] for row in worst], size[worst].tolist(), notes(worst, place))
    columns = far.argmax(axis=1)
    doubted = _listed(
        own, kept.tolist(), [answers[row] for row in kept], far[kept].max(axis=1).tolist(), notes(kept, columns)
    )
    return {
        "worst": _list("error in standard deviations of the truth", len(own), wrong),
        "least_sure": {"absent": "numbers come without a probability"},
        "mislabelled": _list("robust standard deviations of the errors from their middle", len(doubtful), doubted),
    }
