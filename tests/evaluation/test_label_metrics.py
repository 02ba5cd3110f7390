"""Figures of labels against scikit-learn, and their intervals against resampling done by hand."""

import json
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.stats import t

from sightline.data.outputs import Outputs
from sightline.data.samples import Names
from sightline.evaluation.design import Design
from sightline.evaluation.judged import judged
from sightline.evaluation.metrics import measure
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.ranks import Ranked
from sightline.evaluation.resample import drawn_images

LABELS = ("red", "round", "large", "rare")


def predictions(images=120, threshold=0.5, seed=0, shares=(0.5, 0.3, 0.7, 0.1)):
    random = np.random.default_rng(seed)
    truths = (random.random((images, 4)) < np.asarray(shares)).astype(np.float32)
    logits = (random.normal(size=(images, 4)) + 1.5 * truths - 0.7).round(1).astype(np.float32)  # rounded: equal scores
    return Predictions(
        paths=Names.of(str(row) for row in range(images)),
        labels=np.full(images, -1, np.int32),
        logits=logits,
        classes=LABELS,
        contract_hash="",
        weights_sha256="5eed",
        part="test",
        source="",
        outputs=Outputs(kind="labels", threshold=threshold),
        truths=truths,
    )


def measured(own, **changes):
    how = {"resamples": 200, "confidence": 0.9, "seed": 0, "train_counts": [60, 30, 80, 9], "train_images": 100}
    return measure(own, **(how | changes))


@pytest.mark.parametrize("threshold", [0.5, 0.2, 0.9])
def test_every_figure_is_scikit_learns(threshold):
    own = predictions(threshold=threshold)
    found, true = measured(own), own.truths > 0.5
    given, scores = own.probabilities >= threshold, own.probabilities
    wanted = {
        "jaccard": sk.jaccard_score(true, given, average="samples", zero_division=1.0),
        "exact_match": sk.accuracy_score(true, given),
        "hamming_loss": sk.hamming_loss(true, given),
        "macro_ap": sk.average_precision_score(true, scores, average="macro"),
        "macro_auc": sk.roc_auc_score(true, scores, average="macro"),
    }
    for average in ("micro", "macro"):
        three = sk.precision_recall_fscore_support(true, given, average=average, zero_division=0)[:3]
        wanted |= dict(zip((f"{average}_{name}" for name in ("precision", "recall", "f1")), three, strict=True))
    for name, value in wanted.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-9), name
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    assert found["micro_ap"] == pytest.approx(sk.average_precision_score(true, scores, average="micro"), abs=1e-9)
    losses = [sk.log_loss(true[:, place], scores[:, place]) for place in range(4)]
    assert found["log_loss"] == pytest.approx(np.mean(losses), abs=1e-9)


def test_every_label_is_measured_by_itself():
    own = predictions()
    precision, recall, f1, support = sk.precision_recall_fscore_support(own.truths, own.given, zero_division=0)
    for place, row in enumerate(measured(own)["per_class"]):
        assert row["class"] == LABELS[place] and row["support"] == support[place]
        assert (row["precision"], row["recall"]) == pytest.approx((precision[place], recall[place]), abs=1e-9)
        assert row["f1"] == pytest.approx(f1[place], abs=1e-9)
        true, scores = own.truths[:, place], own.probabilities[:, place]
        assert row["average_precision"] == pytest.approx(sk.average_precision_score(true, scores), abs=1e-9)
        assert row["roc_auc"] == pytest.approx(sk.roc_auc_score(true, scores), abs=1e-9)


def test_a_label_that_no_image_has_is_left_out_of_the_means_of_ranks():
    own = predictions(shares=(0.5, 0.3, 0.7, 0.0))
    found = measured(own)
    assert found["per_class"][3]["average_precision"] is None and found["per_class"][3]["roc_auc"] is None
    known = sk.average_precision_score(own.truths[:, :3], own.probabilities[:, :3])
    assert found["macro_ap"]["value"] == pytest.approx(known, abs=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["macro_f1"]["value"] == pytest.approx(
            sk.f1_score(own.truths, own.given, average="macro", zero_division=0), abs=1e-9
        )


def test_ranks_of_a_resample_are_those_of_the_images_repeated():
    own = predictions()
    weights = next(drawn_images(120, 20, seed=3))
    ranked = Ranked(own.logits[:, 0], own.truths[:, 0] > 0.5)
    average, area = ranked.areas(weights)
    for row in range(20):
        rows = np.repeat(np.arange(120), weights[row].astype(int))
        true, scores = own.truths[rows, 0], own.probabilities[rows, 0]
        assert average[row] == pytest.approx(sk.average_precision_score(true, scores), abs=1e-9)
        assert area[row] == pytest.approx(sk.roc_auc_score(true, scores), abs=1e-9)


def test_intervals_are_those_of_resampling_by_hand():
    own, values = predictions(), []
    for weights in Design().weights(120, 200, seed=0):
        for row in weights:  # 119 images are drawn, and each counts 120 / 119
            rows = np.repeat(np.arange(120), np.rint(row * 119 / 120).astype(int))
            assert len(rows) == 119
            values.append(sk.f1_score(own.truths[rows], own.given[rows], average="micro"))
    found, whole = measured(own)["micro_f1"], sk.f1_score(own.truths, own.given, average="micro")
    images = whole * (1 - whole) / np.var(values)
    pull = t.ppf(0.95, 119) ** 2 / images  # Wilson's interval as he wrote it
    middle, half = whole + pull / 2, np.sqrt(pull * (whole * (1 - whole) + pull / 4))
    wanted = ((middle - half) / (1 + pull), (middle + half) / (1 + pull))
    assert (found["low"], found["high"]) == pytest.approx(wanted, abs=1e-9)


def test_the_baseline_gives_what_more_than_half_of_the_training_images_have():
    own = predictions()
    found = measured(own)["baseline"]
    assert found["labels"] == ["red", "large"]
    always = np.broadcast_to([True, False, True, False], own.truths.shape)
    wanted = sk.jaccard_score(own.truths, always, average="samples", zero_division=1.0)
    assert found["jaccard"]["value"] == pytest.approx(wanted, abs=1e-9)
    assert measured(own, train_images=None)["baseline"]["labels"] == []


def test_predictions_of_labels_survive_the_file(tmp_path):
    own = predictions(threshold=0.3)
    own.save(tmp_path / "test.npz")
    again = Predictions.load(tmp_path / "test.npz")
    assert again.outputs == own.outputs and measured(again) == measured(own)


def test_weighted_means_areas_of_all_and_mcc_are_scikit_learns():
    own = predictions()
    found, true, scores = measured(own), own.truths > 0.5, own.probabilities
    three = sk.precision_recall_fscore_support(true, own.given, average="weighted", zero_division=0)[:3]
    wanted = dict(zip(("weighted_precision", "weighted_recall", "weighted_f1"), three, strict=True))
    wanted["weighted_ap"] = sk.average_precision_score(true, scores, average="weighted")
    wanted["weighted_auc"] = sk.roc_auc_score(true, scores, average="weighted")
    wanted["mcc"] = np.mean([sk.matthews_corrcoef(true[:, k], own.given[:, k]) for k in range(4)])
    for name, value in wanted.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-9), name
    assert found["micro_auc"] == pytest.approx(sk.roc_auc_score(true, scores, average="micro"), abs=1e-9)
    assert found["brier"] == pytest.approx(
        np.mean([sk.brier_score_loss(true[:, k], scores[:, k]) for k in range(4)]), abs=1e-9
    )


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_labels_that_none_or_all_have_leave_nothing_to_rank(share):
    own = predictions(shares=(share,) * 4)
    found = measured(own)
    assert found["macro_auc"]["value"] is None and "no label has both" in found["macro_auc"]["why"]
    assert found["mcc"]["value"] is None and found["weighted_ap"]["value"] is None
    row = found["per_class"][0]
    assert row["roc_auc"] is None and row["why"]["roc_auc"] == "no image has this label, or all have it"
    assert (row["recall"] is None) == (share == 0)
    json.dumps(found, allow_nan=False)


def test_of_too_many_images_and_labels_ranks_have_no_interval_and_a_reason(monkeypatch):
    own = predictions()
    whole = measured(own)
    monkeypatch.setattr("sightline.evaluation.ranks.RANKED_AT_MOST", 1000)
    found = measured(own)
    for name in ("macro_ap", "macro_auc", "weighted_ap", "weighted_auc"):
        assert found[name]["value"] == whole[name]["value"] and found[name]["low"] is None
        assert "too many" in found[name]["why"] and whole[name]["low"] < whole[name]["value"]
    rest = set(whole) - {"macro_ap", "macro_auc", "weighted_ap", "weighted_auc"}
    assert {name: found[name] for name in rest} == {name: whole[name] for name in rest}
    assert "macro_ap" in judged(own).figures(np.ones((1, 120)))
    monkeypatch.setattr("sightline.evaluation.judged.RANKED_AT_MOST", 1000)
    assert "macro_ap" not in judged(own).figures(np.ones((1, 120)))


def test_a_comparison_has_the_mean_precision_of_the_evaluation():
    own = predictions(shares=(0.5, 1.0, 0.0, 0.2))  # one label that all have, one that none has
    alone = judged(own).figures(np.ones((1, 120)))["macro_ap"][0]
    assert alone == pytest.approx(measured(own)["macro_ap"]["value"], rel=1e-12)
