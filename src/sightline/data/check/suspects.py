"""Labels that a trained model disbelieves: confident learning.

From C. Northcutt, L. Jiang, I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of
Artificial Intelligence Research 70, 2021: each class' threshold is its mean self-confidence, what lies off the diagonal
of the confident joint is suspect, and the normalized margin ranks it.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import Names
from sightline.errors import DataError
from sightline.findings import Finding

MOST_TOLD = 100
"""Findings at most, the strongest; the ranking itself has them all."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Suspects:
    """Samples whose label is doubtful, the most doubtful first."""

    indices: NDArray[np.int64]
    """Rows of the probabilities that were given."""
    likely: NDArray[np.int32]
    """The class that the model is confident of, for each of them."""
    margin: NDArray[np.float64]
    """Probability of the likely class less that of the label, for each of them, 1 the most doubtful."""
    thresholds: NDArray[np.float64]
    """Of each class the mean probability that samples with this label have for it; NaN for classes without samples."""
    joint: NDArray[np.int64]
    """Confident joint ``[label, likely class]``: how many samples of each label are confidently of each class."""

    def __len__(self) -> int:
        return len(self.indices)


def suspects(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> Suspects:
    """Rank doubtful labels.

    A sample is confidently of a class where its probability for it reaches that class' threshold, the mean
    self-confidence; of several such classes it is of the most probable. Whose confident class is not the label is
    suspect.

    Args:
        probabilities: ``[n, classes]``, of a model that was not trained on these samples: a model knows the labels it
            was trained on, right or wrong.
        labels: class of each sample ``[n]``; -1: not known, and never suspect.

    Raises:
        DataError: the two do not fit together, or the rows are no probabilities.
    """
    _refuse_unfit(probabilities, labels)
    count, classes = probabilities.shape
    known = labels >= 0
    own = np.where(known, probabilities[np.arange(count), np.maximum(labels, 0)], np.nan)
    sizes = np.bincount(labels[known], minlength=classes)
    sums = np.bincount(labels[known], weights=own[known], minlength=classes)
    thresholds = np.divide(sums, sizes, out=np.full(classes, np.nan), where=sizes > 0)
    # A mean of equal numbers may come out a bit larger than they are.
    confident = probabilities >= np.where(sizes > 0, thresholds - 1e-9, np.inf)
    likely = np.where(confident, probabilities, -1.0).argmax(axis=1)
    counted = known & confident.any(axis=1)
    joint = np.zeros((classes, classes), np.int64)
    np.add.at(joint, (labels[counted], likely[counted]), 1)
    doubtful = np.flatnonzero(counted & (likely != labels))
    margin = probabilities[doubtful, likely[doubtful]] - own[doubtful]
    order = np.lexsort((doubtful, -margin))
    return Suspects(
        indices=doubtful[order],
        likely=likely[doubtful[order]].astype(np.int32),
        margin=margin[order].astype(np.float64),
        thresholds=thresholds,
        joint=joint,
    )


def suspect_labels(
    found: Suspects,
    paths: Names,
    labels: NDArray[np.integer],
    classes: tuple[str, ...],
    probabilities: NDArray[np.floating],
    blind: NDArray[np.bool_],
) -> Iterator[Finding]:
    """A finding for each suspect label, the most doubtful first.

    Args:
        found: the ranking.
        paths: path of each row.
        labels: class of each row.
        classes: class names.
        probabilities: what the ranking was made from.
        blind: of each row, whether the model was not trained on it.
    """
    for index, likely in zip(found.indices[:MOST_TOLD].tolist(), found.likely[:MOST_TOLD].tolist(), strict=True):
        label = int(labels[index])
        chance = probabilities[index]
        seen = "" if blind[index] else " (the model was trained on it with this label)"
        yield Finding(
            rule="labels.suspect",
            severity="warning",
            message=f"{paths[index]} is labeled {classes[label]} ({chance[label]:.3f}) "
            f"and looks like {classes[likely]} ({chance[likely]:.3f}){seen}",
            remedy="look at it; correct the label or leave the image out where it is wrong",
            paths=(paths[index],),
            evidence={
                "label": classes[label],
                "likely": classes[likely],
                "probability_of_label": round(float(chance[label]), 4),
                "probability_of_likely": round(float(chance[likely]), 4),
                "threshold": round(float(found.thresholds[likely]), 4),
                "out_of_sample": bool(blind[index]),
            },
        )
    if len(found) > MOST_TOLD:
        yield Finding(
            rule="labels.suspect",
            severity="note",
            message=f"{len(found)} labels are suspect; the {MOST_TOLD} most doubtful are listed",
            remedy="correct those first and look again",
            evidence={"count": len(found)},
        )


def _refuse_unfit(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise DataError(
            "probabilities and labels do not fit together",
            got=f"{list(probabilities.shape)} and {list(labels.shape)}",
            allowed=["probabilities [n, classes] and labels [n]"],
        )
    sums = probabilities.sum(axis=1)
    if not np.isfinite(sums).all() or (probabilities < 0).any() or (np.abs(sums - 1) > 1e-3).any():
        raise DataError("rows of probabilities must be positive and sum to 1", hint="give the softmax of the logits")
    if len(labels) and not -1 <= int(labels.min()) <= int(labels.max()) < probabilities.shape[1]:
        raise DataError("labels outside the classes", got=f"{labels.min()} to {labels.max()}")
