"""Where a model fails: by true class, by what the images are like, and where it is surer than it should be.

Nobody has to name these groups: they are made of what is known of every image. They are compared like the groups that
are named, with all the caution of many comparisons; see ``gaps``.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.calibration import equal_mass, pairs_of
from sightline.evaluation.gaps import LEAST, Compared, Seen, gaps_of, told, worse
from sightline.evaluation.resample import Floats

PARTS = 4
"""Groups that a measure of the images makes, of about equal size."""
STEPS = 5
"""Groups of equal size that confidence makes."""
Codes = tuple[list[str], NDArray[np.int64]]


def slices_of(compared: Compared, measures: Mapping[str, Floats], confidence: float) -> dict[str, Any]:
    """What fails, with everything that was looked at.

    Args:
        compared: gives the figures; of classes every image has a label.
        measures: of each image, by name, such as ``brightness``; NaN: not known.
        confidence: of the intervals, and of all comparisons together.

    Returns:
        ``weak``: sentences, the group with most mistakes too many first; ``rows``: see ``gaps_of``; ``confidence``: of
        one class an image, ranges of confidence with the share that is right.
    """
    own = compared.predictions
    columns: dict[str, Codes] = {}
    if own.kind == "class" and len(own.classes) > 1:
        columns["class"] = (list(own.classes), own.labels.astype(np.int64))
    for name, values in measures.items():
        cut = ranges(values)
        if len(cut[0]) > 1:
            columns[name] = cut
    rows = gaps_of(compared, columns, confidence)
    judged = compared.judged
    weak = sorted((row for row in rows if worse(row, judged)), key=lambda row: -abs(row["gap"]["value"]) * row["n"])
    sentences = [told(row, judged) for row in weak]
    steps = _sureness(compared, confidence) if own.kind == "class" else []
    sentences += [_told_sure(row) for row in steps if row["real"] and row["accuracy"]["value"] < row["confidence"]]
    return {"judged": judged, "weak": sentences, "rows": rows, "confidence": steps}


def ranges(values: Floats) -> Codes:
    """Names of up to ``PARTS`` ranges of about equal size, and the range of each value; -1 where it is not known."""
    known = np.isfinite(values)
    distinct = np.unique(values[known])
    codes = np.full(len(values), -1, np.int64)
    if len(distinct) <= PARTS:
        codes[known] = np.searchsorted(distinct, values[known])
        return [f"of {value:.4g}" for value in distinct], codes
    edges = np.unique(np.quantile(values[known], np.arange(1, PARTS) / PARTS))
    codes[known] = np.searchsorted(edges, values[known], side="left")
    names = [f"up to {edges[0]:.3g}"]
    names += [f"{low:.3g} to {high:.3g}" for low, high in itertools.pairwise(edges)]
    return [*names, f"above {edges[-1]:.3g}"], codes


def _sureness(compared: Compared, confidence: float) -> list[dict[str, Any]]:
    """Ranges of confidence: how sure the model is there, how often it is right, and whether the two truly differ."""
    own = compared.predictions
    sure, _ = pairs_of(own, own.temperature)
    codes = equal_mass(sure, STEPS)
    places = [inside for code in range(STEPS) if len(inside := np.flatnonzero(codes == code)) >= LEAST]
    shared = 1 - (1 - confidence) / max(1, len(places))
    rows: list[dict[str, Any]] = []
    for inside in places:
        seen: Seen = compared.seen(inside)["accuracy"]
        mean, bounds = float(sure[inside].mean()), seen.at(shared)
        rows.append(
            {"from": float(sure[inside].min()), "to": float(sure[inside].max()), "n": len(inside), "confidence": mean,
             "accuracy": seen.at(confidence), "real": not bounds["low"] <= mean <= bounds["high"]}
        )  # fmt: skip
    return rows


def _told_sure(row: dict[str, Any]) -> str:
    right = row["accuracy"]
    return (
        f"confidence {row['from']:.3g} to {row['to']:.3g}: right in {right['value']:.1%} ({right['low']:.1%} to "
        f"{right['high']:.1%}) of {row['n']} images, and {row['confidence']:.1%} sure of itself"
    )
