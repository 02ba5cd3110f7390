"""Figures of one group of images beside those of all others, and whether they truly differ.

Each group is measured by itself, and so is the rest; the gap has the interval of a difference of independent images
(Zou and Donner, Statistics in Medicine 27, 2008). Whoever looks at twenty groups finds one that differs by chance: so a
gap counts as real only where its interval excludes 0 at a confidence that is shared among all comparisons (Bonferroni:
with 20 of them and 95 %, each interval is one of 99.75 %).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.class_figures import FIGURES, Totals
from sightline.evaluation.design import Design
from sightline.evaluation.intervals import Interval, difference, share_interval, without
from sightline.evaluation.label_metrics import jaccard
from sightline.evaluation.number_metrics import Errors
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.quantiles import student_quantile
from sightline.evaluation.ranks import ratio
from sightline.evaluation.resample import Floats

DRAWS = 400
"""Resamples behind a gap: its interval needs their variance only."""
LEAST = 10
"""Images that a group and its rest must have to be compared."""
MOST = 50
"""Groups of a column that are measured, the largest."""
JUDGED = {"class": "accuracy", "labels": "jaccard", "numbers": "mae"}
"""The figure whose gaps are told."""


@dataclasses.dataclass(frozen=True, eq=False)
class Seen:
    """A figure of some images with what its intervals need."""

    value: float
    error: float
    """Standard error."""
    freedom: int
    alone: int
    """Independent images (or groups of them)."""
    share: bool
    """Whether it lies between 0 and 1."""

    def at(self, confidence: float) -> Interval:
        """The figure and its interval; an error that rests on one image, or on one group, has none."""
        if self.share:
            # Two values with the variance that was found.
            twins = np.asarray([self.value - self.error, self.value + self.error])
            return share_interval(self.value, twins, confidence=confidence, freedom=self.freedom, alone=self.alone)
        if self.alone < 2:
            return without(self.value)
        reach = student_quantile((1 + confidence) / 2, self.freedom) * self.error
        return {"value": self.value, "low": self.value - reach, "high": self.value + reach}


class Compared:
    """The figures of subsets of some predictions.

    Args:
        predictions: with a truth for each image.
        design: how these images are drawn again.
        seed: of the drawing.
    """

    def __init__(self, predictions: Predictions, design: Design, seed: int):
        self.predictions, self.design, self.seed = predictions, design, seed
        self.kind, self.judged = predictions.kind, JUDGED[predictions.kind]

    def units(self, places: NDArray[np.int64]) -> int:
        """How many independent things are at these places: images, or groups that were kept together."""
        return self.design.take(places).units(len(places))

    def seen(self, places: NDArray[np.int64]) -> dict[str, Seen]:
        """The figures of the images at these places; those that are not defined are left out."""
        design, images = self.design.take(places), len(places)
        once = self._figures(places, np.ones((1, images)))
        pieces = [self._figures(places, rows) for rows in design.weights(images, DRAWS, self.seed)]
        found: dict[str, Seen] = {}
        for name, (value,) in once.items():
            drawn = np.concatenate([piece[name] for piece in pieces])
            known = drawn[np.isfinite(drawn)]
            if np.isfinite(value) and len(known):
                freedom, alone = design.freedom(images), design.units(images)
                found[name] = Seen(float(value), float(known.std()), freedom, alone, self.kind != "numbers")
        return found

    def _figures(self, places: NDArray[np.int64], weights: Floats) -> dict[str, Floats]:
        own = self.predictions
        if self.kind == "numbers":
            errors = Errors(own.targets[places].astype(np.float64), own.logits[places].astype(np.float64))
            found = errors.figures(weights)
            return {name: found[name].mean(axis=1) for name in ("mae", "rmse")}
        if self.kind == "labels":
            true, given = own.targets[places] > 0.5, own.given[places]
            hits, both = ((weights @ flags).sum(axis=1) for flags in (true & given, true.astype(float) + given))
            return {"jaccard": weights @ jaccard(true, given) / weights.sum(axis=1), "micro_f1": ratio(2 * hits, both)}
        totals = Totals.weighted(weights, own.labels[places], own.predicted[places], len(own.classes))
        return {name: FIGURES[name](totals) for name in ("accuracy", "balanced_accuracy", "macro_f1")}


def gaps_of(
    compared: Compared, columns: Mapping[str, tuple[Sequence[str], NDArray[np.integer[Any]]]], confidence: float
) -> list[dict[str, Any]]:
    """Every group of every column with its figures and its gap to the rest.

    Args:
        compared: gives the figures.
        columns: by name, the names of the groups and the place in them of each image, -1: in none.
        confidence: of the figures' intervals, and of all gaps together.

    Returns:
        Rows with ``column``, ``group``, ``n``, ``figures`` and ``gap``: group minus rest at the shared confidence, with
        ``real``; ``None`` with ``why`` where there is nothing to compare with.
    """
    rows: list[dict[str, Any]] = []
    tested: list[tuple[dict[str, Any], Seen, Seen]] = []
    for column, (names, codes) in columns.items():
        sizes = np.bincount(codes[codes >= 0], minlength=len(names))
        shown = [int(place) for place in np.argsort(-sizes, kind="stable")[:MOST] if sizes[place]]
        for place in sorted(shown):
            inside, rest = np.flatnonzero(codes == place), np.flatnonzero((codes >= 0) & (codes != place))
            seen = compared.seen(inside)
            row: dict[str, Any] = {"column": column, "group": names[place], "n": len(inside)}
            row["figures"] = {name: one.at(confidence) for name, one in seen.items()}
            rows.append(row)
            if min(len(inside), len(rest)) < LEAST:
                few = f"fewer than {LEAST} images of this group, or of all others"
                row["gap"] = {"value": None, "low": None, "high": None, "why": few, "real": False}
            elif min(compared.units(inside), compared.units(rest)) < 2:
                one = "the images of this group, or all others, were kept together as one: it may be that one alone"
                row["gap"] = {"value": None, "low": None, "high": None, "why": one, "real": False}
            else:
                tested.append((row, seen[compared.judged], compared.seen(rest)[compared.judged]))
    shared = 1 - (1 - confidence) / max(1, len(tested))
    for row, own, rest_seen in tested:
        gap = difference(own.at(shared), rest_seen.at(shared))
        real = not gap["low"] <= 0 <= gap["high"]
        row["gap"] = gap | {"rest": rest_seen.value, "confidence": shared, "real": real}
    return rows


def worse(row: dict[str, Any], judged: str) -> bool:
    """Whether a group is truly worse than the rest."""
    gap = row["gap"]
    return bool(gap["real"] and (gap["value"] > 0 if judged == "mae" else gap["value"] < 0))


def told(row: dict[str, Any], judged: str) -> str:
    """A group in words."""
    own, gap = row["figures"][judged], row["gap"]
    name = "MAE" if judged == "mae" else judged
    size = f"{row['n']} images"
    text = (
        f"{row['column']} {row['group']}: {name} {own['value']:.3g} ({own['low']:.3g} to {own['high']:.3g}) on {size}"
    )
    if gap["value"] is None:
        return text
    side = "above" if gap["value"] > 0 else "below"
    ends = sorted(abs(gap[key]) for key in ("low", "high"))
    return f"{text}, {abs(gap['value']):.3g} {side} the rest" + (
        f" ({ends[0]:.3g} to {ends[1]:.3g})" if gap["real"] else ", which may be chance"
    )
