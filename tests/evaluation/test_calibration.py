"""Calibration errors counted bin by bin, temperatures against a grid, thresholds and abstention by brute force."""

import itertools
import json

import numpy as np
import pytest
import scipy.optimize
import sklearn.metrics as sk
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from test_label_metrics import predictions as of_labels
from test_predictions import some

from sightline.evaluation.abstention import abstention_of, area_under_risk
from sightline.evaluation.calibration import calibration_of, equal_mass, equal_width, expected_error
from sightline.evaluation.design import Design
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.temperature import fit_temperature
from sightline.evaluation.thresholds import LEVELS, threshold_table


def sure_of_itself(images=3000, factor=3.0, seed=0):
    """Labels drawn from a softmax, and the logits of a model that is ``factor`` times too sure."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(images, 4)) * 1.5
    likely = softmax(logits, axis=1).cumsum(axis=1)
    labels = (random.random((images, 1)) > likely).sum(axis=1)
    return (factor * logits).astype(np.float32), labels


def by_hand(confidence, right, edges):
    total = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high) if low > 0 else confidence <= high
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return total


def test_the_error_is_that_of_the_bins():
    logits, labels = sure_of_itself(500)
    own = some(logits, labels, classes=tuple("abcd"))
    right = (own.predicted == labels).astype(float)
    found = calibration_of(own, seed=0, bins=10)
    assert found["ece"]["value"] == pytest.approx(by_hand(own.confidence, right, np.linspace(0, 1, 11)), abs=1e-12)
    edges = np.append(0, np.quantile(own.confidence, np.arange(1, 11) / 10, method="inverted_cdf"))
    assert found["ece_mass"]["value"] == pytest.approx(by_hand(own.confidence, right, edges), abs=1e-12)
    shares, means = calibration_curve(right, own.confidence, n_bins=10)
    assert [row["accuracy"] for row in found["reliability"]] == pytest.approx(shares.tolist())
    assert [row["confidence"] for row in found["reliability"]] == pytest.approx(means.tolist())
    assert sum(row["images"] for row in found["reliability"]) == 500
    json.dumps(found, allow_nan=False)


def test_equal_confidences_share_a_bin():
    confidence = np.array([0.5] * 7 + [0.9] * 3)
    assert len(set(equal_mass(confidence, 5)[:7])) == 1
    assert equal_width(np.array([0.0, 0.1, 0.1000001, 1.0]), 10).tolist() == [0, 0, 1, 9]
    assert expected_error(confidence, np.ones(10), equal_mass(confidence, 5)) == pytest.approx(0.38)


def test_what_chance_gives_is_told_apart_from_what_is_off():
    calm = sure_of_itself(400, factor=1.0)
    off = sure_of_itself(400)
    found = [calibration_of(some(logits, labels, classes=tuple("abcd")), seed=0) for logits, labels in (calm, off)]
    assert not found[0]["ece"]["real"] and found[0]["ece"]["value"] < 2 * found[0]["ece"]["by_chance"]
    assert found[1]["ece"]["real"] and found[1]["ece_mass"]["real"]


def test_a_calibrated_model_is_called_off_as_seldom_as_promised():
    real = [
        calibration_of(some(*sure_of_itself(150, 1.0, seed), classes=tuple("abcd")), seed=seed)["ece"]["real"]
        for seed in range(120)
    ]
    assert 0.01 <= np.mean(real) <= 0.10  # 5 % by construction


def test_labels_are_pairs_of_probability_and_truth():
    own = of_labels(images=400)
    found = calibration_of(own, seed=0, bins=10)
    wanted = by_hand(own.probabilities.ravel(), (own.truths > 0.5).ravel().astype(float), np.linspace(0, 1, 11))
    assert found["ece"]["value"] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_the_temperature_is_the_likeliest_one(factor):
    logits, labels = sure_of_itself(factor=factor)
    found = fit_temperature(logits, labels)

    def loss(scale):
        return sk.log_loss(labels, softmax(logits.astype(float) * scale, axis=1))

    best = scipy.optimize.minimize_scalar(loss, bounds=(0.01, 10), method="bounded", options={"xatol": 1e-10})
    assert found.temperature == pytest.approx(1 / best.x, rel=1e-5) and found.temperature == found.best
    assert found.temperature == pytest.approx(factor, rel=0.1)
    assert found.log_loss_after == pytest.approx(best.fun, abs=1e-9) and found.log_loss_before > found.log_loss_after
    assert found.low < factor < found.high


def test_a_temperature_that_so_few_cannot_tell_from_one_is_not_used():
    logits, labels = sure_of_itself(factor=1.0, images=300)
    found = fit_temperature(logits, labels)
    assert found.temperature == 1.0 and found.low < 1 < found.high and "cannot tell it from 1" in found.why
    assert found.log_loss_after == found.log_loss_before


@pytest.mark.parametrize(
    ("labels", "words"), [([0, 1, 0], "no validation image is wrong"), ([1, 0, 1], "no better than guessing")]
)
def test_answers_that_are_all_right_or_all_wrong_have_no_temperature(labels, words):
    logits = np.float32([[4, 0], [0, 4], [3, 0]])
    found = fit_temperature(logits, np.array(labels))
    assert found.temperature == 1.0 and words in found.why and found.best is None


def test_images_without_a_label_do_not_count_and_one_image_says_nothing():
    logits, labels = sure_of_itself(200)
    with_none = fit_temperature(np.vstack([logits, 9 * logits[:5]]), np.append(labels, [-1] * 5))
    assert with_none == fit_temperature(logits, labels) and with_none.images == 200
    assert fit_temperature(logits[:1], labels[:1]).temperature == 1.0


def test_intervals_of_the_temperature_hold_the_truth_as_promised_and_groups_widen_them():
    hits = []
    for seed in range(150):
        found = fit_temperature(*sure_of_itself(200, 2.0, seed))
        hits.append(found.low <= 2.0 <= (found.high or np.inf))
    assert 0.92 <= np.mean(hits) <= 0.98
    logits, labels = (np.repeat(array, 10, axis=0) for array in sure_of_itself(60))
    alone, together = (
        fit_temperature(logits, labels, design=design)
        for design in (Design(), Design("groups", np.repeat(np.arange(60), 10)))
    )
    assert alone.best == together.best and together.high - together.low > 2.5 * (alone.high - alone.low)


def test_predictions_keep_their_temperature_and_answer_with_it(tmp_path):
    logits, labels = sure_of_itself(50)
    raw = some(logits, labels, classes=tuple("abcd"))
    cool = Predictions(**{**vars_of(raw), "temperature": 2.5})
    np.testing.assert_allclose(cool.probabilities, softmax(logits.astype(float) / 2.5, axis=1))
    np.testing.assert_allclose(np.exp(cool.log_probabilities), cool.probabilities)
    assert np.array_equal(cool.predicted, raw.predicted) and not np.allclose(cool.confidence, raw.confidence)
    cool.save(tmp_path / "test.npz")
    again = Predictions.load(tmp_path / "test.npz")
    assert again.temperature == 2.5 and np.array_equal(again.probabilities, cool.probabilities)
    found = calibration_of(cool, seed=0)
    assert found["raw"]["ece"] == calibration_of(raw, seed=0)["ece"]["value"] != found["ece"]["value"]


def vars_of(own):
    names = ("paths", "labels", "logits", "classes", "contract_hash", "weights_sha256", "part", "source")
    return {name: getattr(own, name) for name in names}


@pytest.mark.parametrize("kind", ["class", "labels"])
def test_thresholds_keep_what_they_promise(kind):
    own = of_labels(300) if kind == "labels" else some(*sure_of_itself(300, 1.0), classes=tuple("abcd"))
    true = own.truths > 0.5 if kind == "labels" else own.labels[:, None] == np.arange(4)
    rows = threshold_table(own)
    assert len(rows) == 4 * 2 * len(LEVELS)
    for row in rows:
        place = own.classes.index(row["class"])
        scores, flags = own.probabilities[:, place], true[:, place]
        tried = {}
        for threshold in np.unique(scores):
            given = scores >= threshold
            figures = {"precision": flags[given].mean(), "recall": given[flags].mean()}
            if figures[row["wanted"]] >= row["level"] and figures["recall"] > 0:
                tried[threshold] = figures
        if not tried:
            assert row["threshold"] is None and row["precision"] is None
            continue
        best = min(tried) if row["wanted"] == "precision" else max(tried)
        assert row["threshold"] == best
        assert {key: row[key] for key in ("precision", "recall")} == pytest.approx(tried[best], abs=1e-12)


def test_a_class_that_no_image_has_has_no_thresholds():
    rows = threshold_table(some(*sure_of_itself(30), classes=tuple("abcd")))
    own = some([[1, 0, 0], [0, 1, 0]], [0, 1])
    assert {row["threshold"] for row in threshold_table(own) if row["class"] == own.classes[2]} == {None}
    assert len(rows) == 32


def test_the_area_under_risk_is_the_mean_over_all_orders_of_equally_sure_answers():
    random = np.random.default_rng(0)
    sure, wrong = random.integers(0, 4, 12) / 4, random.random(12) < 0.4
    areas = []
    for _ in range(20_000):
        order = np.lexsort((random.random(12), -sure))
        areas.append((np.cumsum(wrong[order]) / np.arange(1, 13)).mean())
    assert area_under_risk(sure, wrong) == pytest.approx(np.mean(areas), abs=2e-3)


def test_abstention_tells_what_leaving_answers_out_gains():
    logits, labels = sure_of_itself(400, 1.0)
    own = some(logits, labels, classes=tuple("abcd"))
    found = abstention_of(own)
    order, wrong = np.argsort(-own.confidence), own.predicted != labels
    risks = np.cumsum(wrong[order]) / np.arange(1, 401)
    assert found["aurc"] == pytest.approx(risks.mean()) and 0 < found["excess_aurc"] < found["aurc"]
    half = found["for_coverage"][0]
    assert half["coverage"] == 0.5 and half["accuracy"] == pytest.approx(1 - risks[199])
    assert found["for_coverage"][-1]["accuracy"] == pytest.approx(sk.accuracy_score(labels, own.predicted))
    for row in found["for_accuracy"]:
        kept = own.confidence >= row["threshold"] if row["threshold"] is not None else np.zeros(400, bool)
        if row["coverage"] is None:
            assert (1 - risks < row["wanted"]).all()
        else:
            assert kept.mean() == row["coverage"] and 1 - wrong[kept].mean() >= row["wanted"]
            assert row["coverage"] == pytest.approx(np.flatnonzero(1 - risks >= row["wanted"])[-1] / 400 + 1 / 400)
    assert found["curve"][-1]["coverage"] == 1.0 and len(found["curve"]) <= 101
    json.dumps(found, allow_nan=False)
