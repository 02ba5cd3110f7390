"""Figures of one class an image that follow from three counts of each class: hits, true images, answers.

All are scikit-learn's. Where one divides by nothing it is NaN here; only in the means of precision, recall and F1 a
class that occurs counts 0 then, as in scikit-learn: a class that is never answered is a failure, not a gap.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.ranks import mean_of_known, ratio
from sightline.evaluation.resample import Floats

Codes = NDArray[np.integer[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Totals:
    """Counts (or weights) of each class, for one set of images or for many: each ``[…, classes]``."""

    hits: Floats
    """Images of the class that were given it."""
    true: Floats
    """Images of the class."""
    given: Floats
    """Images that were given it."""

    @classmethod
    def of(cls, matrix: NDArray[Any]) -> "Totals":
        """The totals of a confusion matrix ``[classes, classes]``, true class by answer."""
        counts = matrix.astype(np.float64)
        return cls(counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0))

    @classmethod
    def weighted(cls, weights: Floats, labels: Codes, predicted: Codes, classes: int) -> "Totals":
        """The totals of each row of weights ``[rows, images]``."""
        right = labels == predicted
        hits = _sums(weights[:, right], labels[right], classes)
        return cls(hits, _sums(weights, labels, classes), _sums(weights, predicted, classes))


def _sums(weights: Floats, codes: Codes, classes: int) -> Floats:
    """Sum the images (last axis) of each class: ``[rows, images]`` to ``[rows, classes]``."""
    sums = np.zeros((len(weights), classes))
    if len(codes):
        order = np.argsort(codes, kind="stable")
        present, starts = np.unique(codes[order], return_index=True)
        sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def precision(own: Totals) -> Floats:
    """Of each class the share of right answers among those that gave it; NaN where none did."""
    return ratio(own.hits, own.given)


def recall(own: Totals) -> Floats:
    """Of each class the share of its images that were given it; NaN where it has none."""
    return ratio(own.hits, own.true)


def f1(own: Totals) -> Floats:
    """Of each class the harmonic mean of precision and recall; NaN where it has neither images nor answers."""
    return ratio(2 * own.hits, own.true + own.given)


def accuracy(own: Totals) -> Floats:
    """Share of right answers."""
    return own.hits.sum(axis=-1) / own.true.sum(axis=-1)


def mcc(own: Totals) -> Floats:
    """Matthews correlation coefficient over all classes (Gorodkin, Comput. Biol. Chem. 28, 2004)."""
    images = own.true.sum(axis=-1)
    covered = own.hits.sum(axis=-1) * images - (own.true * own.given).sum(axis=-1)
    spreads = (images**2 - (own.true**2).sum(axis=-1)) * (images**2 - (own.given**2).sum(axis=-1))
    return ratio(covered, np.sqrt(np.where(spreads > 1e-9, spreads, 0.0)))


def kappa(own: Totals) -> Floats:
    """Cohen's kappa: agreement beyond that of chance (Educ. Psychol. Meas. 20, 1960)."""
    images = own.true.sum(axis=-1)
    chance = (own.true * own.given).sum(axis=-1) / images**2
    room = 1 - chance
    return ratio(accuracy(own) - chance, np.where(room > 1e-12, room, 0.0))


def _averages(name: str, each: Callable[[Totals], Floats]) -> dict[str, Callable[[Totals], Floats]]:
    def macro(own: Totals) -> Floats:
        present = own.true + own.given > 0
        return mean_of_known(np.where(present, np.nan_to_num(each(own)), np.nan))

    def weighted(own: Totals) -> Floats:
        return mean_of_known(np.nan_to_num(each(own)), own.true)

    # Each wrong answer is one wrongly given and one missed, so that the three are one and the same.
    return {f"macro_{name}": macro, f"weighted_{name}": weighted, f"micro_{name}": accuracy}


FIGURES: Mapping[str, Callable[[Totals], Floats]] = {
    "accuracy": accuracy,
    "balanced_accuracy": lambda own: mean_of_known(recall(own)),
    **_averages("precision", precision),
    **_averages("recall", recall),
    **_averages("f1", f1),
    "mcc": mcc,
    "kappa": kappa,
}
"""Every figure of the totals, by its key."""
WHY = {
    "mcc": "one class only among the labels or among the answers: there is nothing to correlate",
    "kappa": "labels and answers are all of one class: agreement by chance is certain",
}
"""Why a figure is not defined, where that can be."""
