"""What is gained by leaving the least sure answers to a person: risk over coverage.

Risk is the share of wrong answers among those that are kept, coverage the share of images whose answers are kept, the
surest first. The area under that curve, AURC, is the mean risk over all coverages (Geifman and El-Yaniv, *Selective
Classification for Deep Neural Networks*, 2017); less what the same answers would have in the best order, it tells how
well confidence finds the mistakes (excess AURC: Geifman, Uziel and El-Yaniv, ICLR 2019).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats

COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
ACCURACIES = (0.9, 0.95, 0.98, 0.99)
MOST_POINTS = 101


def abstention_of(predictions: Predictions) -> dict[str, Any]:
    """The curve of one class an image, its area, and what one can have: accuracy for a coverage, and the reverse.

    ``thresholds`` are confidences: an answer is kept from there on. ``for_accuracy`` gives the largest coverage whose
    answers are right so often; ``None``: none is.
    """
    known = predictions.labels >= 0
    sure, wrong = predictions.confidence[known], predictions.predicted[known] != predictions.labels[known]
    coverage, risk, confidence = risk_coverage(sure, wrong)
    whole = area_under_risk(sure, wrong)
    best = area_under_risk(-wrong.astype(np.float64), wrong)
    places = np.unique(np.linspace(0, len(coverage) - 1, min(len(coverage), MOST_POINTS)).round().astype(int))
    return {
        "aurc": whole,
        "excess_aurc": whole - best,
        "curve": [{"coverage": float(coverage[k]), "risk": float(risk[k])} for k in places],
        "for_coverage": [_at(coverage, risk, confidence, int(np.argmax(coverage >= c - 1e-12))) | {"wanted": c}
                         for c in COVERAGES],
        "for_accuracy": [_for_accuracy(coverage, risk, confidence, a) for a in ACCURACIES],
    }  # fmt: skip


def risk_coverage(sure: Floats, wrong: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Coverage, risk and threshold at each distinct confidence, the highest first."""
    order = np.argsort(-sure, kind="stable")
    ranked = sure[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    return (ends + 1) / len(sure), np.cumsum(wrong[order])[ends] / (ends + 1), ranked[ends]


def area_under_risk(sure: Floats, wrong: NDArray[np.bool_]) -> float:
    """Mean over k of the risk of the k surest; among equally sure ones any may come first, so their mean counts."""
    order = np.argsort(-sure, kind="stable")
    steps = np.unique(-sure[order], return_inverse=True)[1]
    shares = np.bincount(steps, weights=wrong[order].astype(np.float64)) / np.bincount(steps)
    return float((np.cumsum(shares[steps]) / np.arange(1, len(sure) + 1)).mean())


def _at(coverage: Floats, risk: Floats, confidence: Floats, place: int) -> dict[str, Any]:
    return {
        "coverage": float(coverage[place]),
        "accuracy": 1 - float(risk[place]),
        "threshold": float(confidence[place]),
    }


def _for_accuracy(coverage: Floats, risk: Floats, confidence: Floats, wanted: float) -> dict[str, Any]:
    good = np.flatnonzero(1 - risk >= wanted - 1e-12)
    if not len(good):
        return {"wanted": wanted, "coverage": None, "accuracy": None, "threshold": None}
    return _at(coverage, risk, confidence, int(good[-1])) | {"wanted": wanted}
