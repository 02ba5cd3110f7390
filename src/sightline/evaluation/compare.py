"""Several models on the same images: figures, differences, tests, and a verdict in words for each pair."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import Kind
from sightline.errors import DataError
from sightline.evaluation.judged import LOWER, PRIMARY, Judged, judged
from sightline.evaluation.paired import drawn, holm, mcnemar, sign_flip
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats, interval

Interval = dict[str, float]


def compare_predictions(
    named: dict[str, Predictions],
    *,
    resamples: int,
    confidence: float,
    seed: int,
    groups: NDArray[np.integer[Any]] | None = None,
    margin: float | None = None,
) -> dict[str, Any]:
    """Compare what several models said of the same images.

    The intervals are percentile intervals of a paired bootstrap: all models are measured on the same resamples. The
    test of one class an image is McNemar's exact one, that of labels and numbers (and of grouped images) a paired
    permutation test; its p-values are corrected for the number of pairs by Holm's method.

    Args:
        named: of each model what it said. Row ``i`` is the same image with the same truth in all of them.
        resamples: bootstrap resamples behind each interval.
        confidence: share of the resamples that an interval covers; a pair is told apart where p is below the rest.
        seed: of resampling and permutation.
        groups: group of each image ``[n]``, where images of one group were kept together.
        margin: a difference of the primary figure that does not matter. Two models are equivalent within it where the
            interval of two one-sided tests (Schuirmann, 1987), narrower than the other one, lies inside.

    Returns:
        JSON-ready: ``figure``, ``n``, ``runs`` with their figures, ``pairs`` with differences (second less first),
        test and verdict.

    Raises:
        DataError: fewer than two models, no image, or images without a truth.
    """
    kind = _kind_of(named)
    columns = {name: judged(own) for name, own in named.items()}
    images = len(next(iter(named.values())))
    once = {name: one.figures(np.ones((1, images))) for name, one in columns.items()}
    many = _resampled(columns, drawn(images, resamples, seed, groups))
    runs = [
        {"run": name, "weights_sha256": named[name].weights_sha256}
        | {"figures": {key: interval(once[name][key][0], many[name][key], confidence) for key in once[name]}}
        for name in columns
    ]

    def difference(one: str, other: str, figure: str, share: float) -> Interval:
        change = many[other][figure] - many[one][figure]
        return interval(once[other][figure][0] - once[one][figure][0], change, share)

    pairs: list[dict[str, Any]] = []
    for one, other in itertools.combinations(columns, 2):
        own = {figure: difference(one, other, figure, confidence) for figure in once[one]}
        pair: dict[str, Any] = {"one": one, "other": other, "differences": own}
        if margin is not None:
            pair["margin"] = difference(one, other, PRIMARY[kind], 2 * confidence - 1) | {"margin": margin}
        pairs.append(pair | {"test": _test(kind, columns[one], columns[other], seed, groups)})
    _judge(pairs, kind, 1 - confidence)
    how = {"n": images, "kind": kind, "figure": PRIMARY[kind], "confidence": confidence, "resamples": resamples}
    return {**how, "grouped": groups is not None, "runs": runs, "pairs": pairs}


def _resampled(columns: dict[str, Judged], draws: Iterator[Floats]) -> dict[str, dict[str, Floats]]:
    """Each figure of each model on the same resamples, ``[resamples]``."""
    pieces: dict[str, list[dict[str, Floats]]] = {name: [] for name in columns}
    for rows in draws:
        for name, one in columns.items():
            pieces[name].append(one.figures(rows))
    return {
        name: {figure: np.concatenate([piece[figure] for piece in own]) for figure in own[0]}
        for name, own in pieces.items()
    }


def _kind_of(named: dict[str, Predictions]) -> Kind:
    first = next(iter(named.values()), None)
    if first is None or len(named) < 2:
        raise DataError("there is nothing to compare", got=f"{len(named)} models", allowed=["two models at least"])
    if not len(first):
        raise DataError("there is no image to compare on", where=first.part)
    if first.kind == "class" and (first.labels < 0).any():
        raise DataError("images without a label cannot be compared on", where=first.part)
    return first.kind


def _test(kind: Kind, one: Judged, other: Judged, seed: int, groups: NDArray[np.integer[Any]] | None) -> dict[str, Any]:
    changes: dict[str, Any]
    if one.right is not None and other.right is not None:
        lost, gained = int((one.right & ~other.right).sum()), int((~one.right & other.right).sum())
        answers = sum(a != b for a, b in zip(one.answers, other.answers, strict=True))
        changes = {"right_to_wrong": lost, "wrong_to_right": gained, "other_wrong_answer": answers - lost - gained}
        if groups is None and kind == "class":
            return {"name": "McNemar's exact test", **changes, "p": mcnemar(lost, gained)}
    else:
        changes = {"nearer": int((other.score < one.score).sum()), "farther": int((other.score > one.score).sum())}
    of = "of images" if groups is None else "of whole groups"
    p = sign_flip(other.score - one.score, seed, groups)
    return {"name": f"paired permutation test {of}", **changes, "p": p}


def _judge(pairs: list[dict[str, Any]], kind: Kind, alpha: float) -> None:
    """Correct the p-values for the number of pairs, and put the verdicts in."""
    for pair, value in zip(pairs, holm([pair["test"]["p"] for pair in pairs]), strict=True):
        pair["test"]["p_holm"] = value
        pair.update(_verdict(pair, kind, alpha, len(pairs)))


def _verdict(found: dict[str, Any], kind: Kind, alpha: float, pairs: int) -> dict[str, Any]:
    """``one`` or ``other`` is better, ``equivalent``, or ``not distinguishable``; with a sentence that says why."""
    figure, test = PRIMARY[kind], found["test"]
    change: Interval = found["differences"][figure]
    margin = found.get("margin")
    inside = margin is not None and -margin["margin"] < margin["low"] and margin["high"] < margin["margin"]
    corrected = f" after Holm's correction for {pairs} pairs" if pairs > 1 else ""
    of = f"{figure} of {found['other']} less that of {found['one']}"
    why = f"{of} {change['value']:+.4g} ({change['low']:+.4g} to {change['high']:+.4g}), p "
    why += f"{test['p_holm']:.2g}{corrected}"
    within = f"; the difference is within the margin of {margin['margin']:g}" if margin and inside else ""
    if test["p_holm"] < alpha:
        better = "other" if (change["value"] > 0) != (figure in LOWER) else "one"
        return {"verdict": f"{better} better", "told": f"{found[better]} is better: {why}{within}"}
    if inside:
        return {"verdict": "equivalent", "told": f"{found['one']} and {found['other']} are equivalent: {why}{within}"}
    beyond = "" if margin is None else f"; nor is it shown that they differ by less than {margin['margin']:g}"
    told = f"{found['one']} and {found['other']} are not distinguishable: {why}{beyond}"
    return {"verdict": "not distinguishable", "told": told}


def changed_rows(one: Predictions, other: Predictions, names: Sequence[str], truths: Sequence[str]) -> list[list[str]]:
    """The images that two models answer differently, as rows of a table: see ``CHANGES`` for the columns.

    Of numbers these are all images, the largest change of the error first.

    Args:
        one: what the first model said.
        other: what the second said of the same images.
        names: of the two models.
        truths: truth of each image, as a table holds it.
    """
    first, second = judged(one), judged(other)
    rows: list[tuple[float, list[str]]] = []
    for place, path in enumerate(one.paths):
        pair = first.answers[place], second.answers[place]
        moved = float(second.score[place] - first.score[place])
        if first.right is not None and second.right is not None:
            if pair[0] == pair[1]:
                continue
            sides = ["right" if side.right[place] else "wrong" for side in (first, second) if side.right is not None]
            change = "->".join(sides)
        else:
            change = "nearer" if moved < 0 else "farther" if moved > 0 else "as near"
        rows.append((-abs(moved) if first.right is None else 0, [*names, path, truths[place], *pair, change]))
    return [row for _, row in sorted(rows, key=lambda item: item[0])]


CHANGES = ("one", "other", "path", "truth", "answer_one", "answer_other", "change")
"""Columns of the table of changed images."""
