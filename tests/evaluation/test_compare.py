"""Comparisons of stored predictions: figures, differences, verdicts, changed images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made_up import of_classes, of_labels, random_classes, random_labels, random_numbers
from sklearn import metrics

from sightline.errors import DataError
from sightline.evaluation.compare import CHANGES, changed_rows, compare_predictions
from sightline.evaluation.judged import judged, truths_told
from sightline.evaluation.predictions import Predictions

HOW: dict[str, Any] = {"resamples": 400, "confidence": 0.95, "seed": 0}


def figures_of(own: Predictions, weights: np.ndarray) -> dict[str, float]:
    return {name: value[0] for name, value in judged(own).figures(weights[None].astype(float)).items()}


def test_figures_of_classes_are_scikit_learns_for_any_resample():
    own, weights = random_classes(1), np.random.default_rng(5).integers(0, 3, 60)
    pair = {"y_true": own.labels, "y_pred": own.predicted, "sample_weight": weights}
    assert figures_of(own, weights) == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(**pair),
            "balanced_accuracy": metrics.balanced_accuracy_score(**pair),
            "macro_f1": metrics.f1_score(**pair, average="macro"),
            "log_loss": metrics.log_loss(own.labels, own.probabilities, sample_weight=weights),
        },
        rel=1e-9,
    )


def test_figures_of_labels_are_scikit_learns_for_any_resample():
    own, weights = random_labels(1), np.random.default_rng(5).integers(0, 3, 60)
    true, given = own.targets > 0.5, own.given
    rows = np.repeat(np.arange(60), weights)
    assert figures_of(own, weights) == pytest.approx(
        {
            "jaccard": metrics.jaccard_score(true[rows], given[rows], average="samples", zero_division=1.0),
            "exact_match": metrics.accuracy_score(true[rows], given[rows]),
            "micro_f1": metrics.f1_score(true[rows], given[rows], average="micro"),
            "macro_f1": metrics.f1_score(true[rows], given[rows], average="macro"),
            "macro_ap": metrics.average_precision_score(true[rows], own.logits[rows], average="macro"),
            "log_loss": np.mean(
                [metrics.log_loss(true[rows, k], own.probabilities[rows, k]) for k in range(3)]
            ),
        },
        rel=1e-9,
    )  # fmt: skip


def test_figures_of_numbers_are_scikit_learns_for_any_resample():
    own, weights = random_numbers(1), np.random.default_rng(5).integers(0, 3, 60)
    pair = {"y_true": own.targets, "y_pred": own.logits, "sample_weight": weights}
    assert figures_of(own, weights) == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(**pair),
            "rmse": metrics.root_mean_squared_error(**pair),
            "r2": metrics.r2_score(**pair),
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("make", [random_classes, random_labels, random_numbers])
def test_a_model_is_not_distinguishable_from_itself(make: Callable[[int], Predictions]):
    found = compare_predictions({"one": make(1), "same": make(1)}, **HOW)
    (pair,) = found["pairs"]
    assert pair["verdict"] == "not distinguishable" and pair["test"]["p"] == 1.0
    assert all(value == {"value": 0.0, "low": 0.0, "high": 0.0} for value in pair["differences"].values())
    assert "one and same are not distinguishable" in pair["told"]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (random_classes(1, skill=3), random_classes(2, skill=0)),
        (random_labels(1, skill=3), random_labels(2, skill=0)),
        (random_numbers(1, noise=0.1), random_numbers(2, noise=3)),
    ],
)
def test_the_better_model_is_named_whichever_comes_first(good: Predictions, bad: Predictions):
    for named, verdict in (({"good": good, "bad": bad}, "one better"), ({"bad": bad, "good": good}, "other better")):
        found = compare_predictions(named, **HOW)
        (pair,) = found["pairs"]
        assert pair["verdict"] == verdict and pair["told"].startswith("good is better: ")
        one, other = (row["figures"][found["figure"]]["value"] for row in found["runs"])
        assert pair["differences"][found["figure"]]["value"] == pytest.approx(other - one)


def test_counts_of_the_test_are_those_of_the_images():
    one, other = (
        of_classes([0, 0, 1, 1, 2], np.eye(3)[[0, 0, 1, 2, 0]]),
        of_classes([0, 0, 1, 1, 2], np.eye(3)[[0, 1, 1, 1, 1]]),
    )
    test = compare_predictions({"one": one, "other": other}, **HOW)["pairs"][0]["test"]
    assert (test["right_to_wrong"], test["wrong_to_right"], test["other_wrong_answer"]) == (1, 1, 1)
    assert test["name"] == "McNemar's exact test"
    rows = changed_rows(one, other, ("a", "b"), truths_told(one))
    assert CHANGES == ("one", "other", "path", "truth", "answer_one", "answer_other", "change")
    assert rows == [
        ["a", "b", "1.png", "ant", "ant", "bee", "right->wrong"],
        ["a", "b", "3.png", "bee", "cat", "bee", "wrong->right"],
        ["a", "b", "4.png", "cat", "ant", "bee", "wrong->wrong"],
    ]


def test_changed_numbers_come_with_the_largest_change_first():
    one, other = random_numbers(1), random_numbers(2)
    rows = changed_rows(one, other, ("a", "b"), truths_told(one))
    moved = np.abs(one.logits - one.targets).mean(axis=1) - np.abs(other.logits - one.targets).mean(axis=1)
    assert [row[2] for row in rows] == [f"{place}.png" for place in np.argsort(-np.abs(moved), kind="stable")]
    assert {row[-1] for row in rows} == {"nearer", "farther"}


def test_several_pairs_are_corrected_together():
    named = {name: random_classes(seed, skill=skill) for name, seed, skill in (("a", 1, 0), ("b", 2, 1), ("c", 3, 1.2))}
    tests = [pair["test"] for pair in compare_predictions(named, **HOW)["pairs"]]
    assert len(tests) == 3 and all(test["p_holm"] >= test["p"] for test in tests)
    assert min(test["p_holm"] for test in tests) == pytest.approx(3 * min(test["p"] for test in tests))


def test_a_margin_tells_equivalence_from_ignorance():
    one = random_classes(1, images=2000, skill=2)
    other = of_classes(one.labels, one.logits.copy())
    other.logits[:4] = other.logits[:4, ::-1]
    wide = compare_predictions({"one": one, "other": other}, **HOW, margin=0.02)["pairs"][0]
    assert wide["verdict"] == "equivalent" and "within the margin of 0.02" in wide["told"]
    few = compare_predictions(
        {"one": random_classes(1, images=30), "other": random_classes(2, images=30)}, **HOW, margin=0.02
    )
    assert few["pairs"][0]["verdict"] == "not distinguishable"
    assert "nor is it shown that they differ by less than 0.02" in few["pairs"][0]["told"]


def test_grouped_images_are_tested_by_groups():
    one, other = random_classes(1, images=40, skill=0), random_classes(2, images=40, skill=1)
    groups = np.repeat(np.arange(4), 10)
    found = compare_predictions({"one": one, "other": other}, **HOW, groups=groups)
    assert found["grouped"] and found["pairs"][0]["test"]["name"] == "paired permutation test of whole groups"
    assert found["pairs"][0]["test"]["p"] >= 0.1  # four groups cannot tell more than 2 / 16


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DataError, match="there is nothing to compare"):
        compare_predictions({"one": random_classes(1)}, **HOW)
    with pytest.raises(DataError, match="images without a label"):
        compare_predictions({"a": of_classes([-1], np.eye(3)[:1]), "b": of_classes([-1], np.eye(3)[:1])}, **HOW)
    empty = of_labels(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(DataError, match="there is no image to compare on"):
        compare_predictions({"a": empty, "b": empty}, **HOW)
