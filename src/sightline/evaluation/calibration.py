"""Calibration: whether of the answers given with 80 % confidence 80 % are right.

The expected calibration error (Naeini et al., AAAI 2015) is the mean distance of confidence and accuracy over bins of
images. It is above 0 also where nothing is wrong, because each bin has few images. So it stands beside what a perfectly
calibrated model with the same confidences would get by chance (consistency resampling: Bröcker and Smith, *Increasing
the Reliability of Reliability Diagrams*, 2007); an interval would say the wrong thing about it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.predictions import Predictions, sigmoid, softmax
from sightline.evaluation.quantiles import normal_quantile
from sightline.evaluation.resample import Floats
from sightline.shares import score_bounds

BINS = 15
"""Bins, as in Guo et al. (2017)."""
DRAWS = 500
"""Times that a perfectly calibrated model is imitated."""
MOST_DRAWN, FEWEST = 500_000_000, 40
"""Answers that are imitated at most: of so many that this is reached, each draw says nearly the same; and draws."""


def calibration_of(predictions: Predictions, *, seed: int, bins: int = BINS) -> dict[str, Any]:
    """ECE with bins of equal width and of equal size, both beside what chance gives, and the bins themselves.

    Of one class an image the confidence is that of the answer. Of labels each image gives a pair for every label: the
    probability of the label, and whether it has it. With a temperature, ``raw`` holds both errors without it.

    Args:
        predictions: of classes or labels; images whose label is not known take no part.
        seed: of the imitation.
        bins: how many.
    """
    confidence, right = pairs_of(predictions, predictions.temperature)
    random = np.random.default_rng(seed)
    found: dict[str, Any] = {"images": len(predictions), "bins": bins, "temperature": predictions.temperature}
    for name, codes in (("ece", equal_width(confidence, bins)), ("ece_mass", equal_mass(confidence, bins))):
        chance = _by_chance(confidence, codes, random)
        value = expected_error(confidence, right, codes)
        high = float(np.quantile(chance, 0.95))
        found[name] = {"value": value, "by_chance": float(chance.mean()), "chance_high": high, "real": value > high}
    if predictions.temperature != 1.0:
        raw, raw_right = pairs_of(predictions, 1.0)
        found["raw"] = {
            "ece": expected_error(raw, raw_right, equal_width(raw, bins)),
            "ece_mass": expected_error(raw, raw_right, equal_mass(raw, bins)),
            "mean_confidence": float(raw.mean()),
        }
    found |= {"mean_confidence": float(confidence.mean()), "accuracy": float(right.mean())}
    return found | {"reliability": reliability(confidence, right, equal_width(confidence, bins), bins)}


def pairs_of(predictions: Predictions, temperature: float) -> tuple[Floats, Floats]:
    """Confidence and whether it was right (0 or 1), a pair for each image or each label of it."""
    if predictions.kind == "labels":
        return sigmoid(predictions.logits).ravel(), (predictions.targets > 0.5).ravel().astype(np.float64)
    known = predictions.labels >= 0
    likely = softmax(predictions.logits[known] / np.float64(temperature))
    said = predictions.predicted[known]
    return likely[np.arange(len(said)), said], (said == predictions.labels[known]).astype(np.float64)


def equal_width(confidence: Floats, bins: int) -> NDArray[np.int64]:
    """The bin of each confidence: bin k holds those above ``k / bins`` up to ``(k + 1) / bins``, the first also 0."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def equal_mass(confidence: Floats, bins: int) -> NDArray[np.int64]:
    """The bin of each confidence, where each bin holds as many images as any other; equal ones share a bin."""
    order = np.argsort(confidence, kind="stable")
    codes = np.empty(len(confidence), np.int64)
    codes[order] = np.arange(len(confidence)) * bins // max(1, len(confidence))
    values, inverse = np.unique(confidence, return_inverse=True)
    first = np.full(len(values), bins)
    np.minimum.at(first, inverse, codes)
    return first[inverse]


def expected_error(confidence: Floats, right: Floats, codes: NDArray[np.int64]) -> float:
    """Mean distance of confidence and accuracy over bins, each weighed by its images."""
    return float(np.abs(np.bincount(codes, weights=confidence - right)).sum() / len(confidence))


def _by_chance(confidence: Floats, codes: NDArray[np.int64], random: np.random.Generator) -> Floats:
    """The same error of a model that is right exactly as often as it says, imitated ``DRAWS`` times at most."""
    order = np.argsort(codes, kind="stable")
    starts = np.unique(codes[order], return_index=True)[1]
    sure = confidence[order]
    found = np.empty(max(FEWEST, min(DRAWS, MOST_DRAWN // len(confidence))))
    for draw in range(len(found)):
        off = sure - (random.random(len(sure)) < sure)
        found[draw] = np.abs(np.add.reduceat(off, starts)).sum() / len(sure)
    return found


def reliability(confidence: Floats, right: Floats, codes: NDArray[np.int64], bins: int) -> list[dict[str, float]]:
    """The bins that hold images: mean confidence, accuracy with its interval (Wilson, 95 %), and how many."""
    rows: list[dict[str, float]] = []
    for code in range(bins):
        inside = codes == code
        if images := int(inside.sum()):
            share = float(right[inside].mean())
            low, high = score_bounds(share, images, normal_quantile(0.975))
            row = {"confidence": float(confidence[inside].mean()), "accuracy": share, "low": low, "high": high}
            rows.append(row | {"images": images})
    return rows
