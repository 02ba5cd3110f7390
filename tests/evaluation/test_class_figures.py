"""Every figure of one class an image against scikit-learn, on random and on adversarial inputs."""

import json
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from test_predictions import some

from sightline.evaluation.design import Design
from sightline.evaluation.metrics import measure
from sightline.evaluation.ranks import odds_against_rest

HOW = {"resamples": 20, "confidence": 0.95, "seed": 0}


def measured(labels, logits, **changes):
    classes = np.shape(logits)[1]
    own = some(logits, labels, classes=tuple(f"c{k}" for k in range(classes)))
    return measure(own, **(HOW | changes), train_counts=np.ones(classes, int)), own


def value(figures, name):
    return figures[name]["value"]


@st.composite
def cases(draw):
    """Few or many images, classes that are missing, ties, and answers that are all wrong or all the same."""
    classes, images = draw(st.integers(2, 5)), draw(st.integers(1, 30))
    used = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=classes))
    labels = np.array(draw(st.lists(st.sampled_from(used), min_size=images, max_size=images)))
    logits = draw(arrays(np.float32, (images, classes), elements=st.integers(-3, 3).map(float)))
    if draw(st.booleans()):  # all wrong
        logits[np.arange(images), labels] = -9
    return labels, logits


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases())
def test_every_figure_is_scikit_learns_or_says_why_it_is_none(case):
    labels, logits = case
    found, own = measured(labels, logits)
    json.dumps(found, allow_nan=False)
    said, likely, every = own.predicted, own.probabilities, list(range(logits.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert value(found, "accuracy") == pytest.approx(sk.accuracy_score(labels, said), abs=1e-9)
        assert value(found, "balanced_accuracy") == pytest.approx(sk.balanced_accuracy_score(labels, said), abs=1e-9)
        for average in ("macro", "weighted", "micro"):
            three = sk.precision_recall_fscore_support(labels, said, average=average, zero_division=0)[:3]
            for name, wanted in zip(("precision", "recall", "f1"), three, strict=True):
                assert value(found, f"{average}_{name}") == pytest.approx(wanted, abs=1e-9)
        wanted = sk.cohen_kappa_score(labels, said)
        assert (value(found, "kappa") is None) == np.isnan(wanted)
        if value(found, "kappa") is not None:
            assert value(found, "kappa") == pytest.approx(wanted, abs=1e-9)
        if value(found, "mcc") is None:
            assert len(set(labels)) == 1 or len(set(said)) == 1
            assert "nothing to correlate" in found["mcc"]["why"]
        else:
            assert value(found, "mcc") == pytest.approx(sk.matthews_corrcoef(labels, said), abs=1e-9)
        assert found["log_loss"] == pytest.approx(sk.log_loss(labels, likely, labels=every), abs=1e-9)
        assert value(found, "log_loss_interval") == pytest.approx(found["log_loss"], abs=1e-12)
        truth = np.eye(len(every))[labels]
        assert value(found, "brier") == pytest.approx(((likely - truth) ** 2).sum(axis=1).mean(), abs=1e-9)
        check_ranks(found, labels, own)
        check_classes(found, labels, said, len(every))
    for figure in found.values():
        if isinstance(figure, dict) and figure.get("low") is not None:
            assert figure["low"] <= figure["value"] <= figure["high"]


def check_ranks(found, labels, own):
    odds = odds_against_rest(own.logits)
    known = [place for place in range(odds.shape[1]) if 0 < (labels == place).sum() < len(labels)]
    areas = [sk.roc_auc_score(labels == place, odds[:, place]) for place in known]
    averages = [sk.average_precision_score(labels == place, odds[:, place]) for place in known]
    sizes = [(labels == place).sum() for place in known]
    for place, row in enumerate(found["per_class"]):
        assert (row["roc_auc"] is None) == (place not in known)
        assert ("roc_auc" in row["why"]) == (row["roc_auc"] is None)
    if not known:
        assert value(found, "macro_auc") is None and "no class" in found["macro_ap"]["why"]
        return
    for name, each in (("auc", areas), ("ap", averages)):
        assert value(found, f"macro_{name}") == pytest.approx(np.mean(each), abs=1e-9)
        assert value(found, f"weighted_{name}") == pytest.approx(np.average(each, weights=sizes), abs=1e-9)
    if odds.shape[1] == 2:
        assert value(found, "roc_auc") == pytest.approx(sk.roc_auc_score(labels, odds[:, 1]), abs=1e-9)
        assert value(found, "average_precision") == pytest.approx(averages[-1], abs=1e-9)


def check_classes(found, labels, said, classes):
    table = sk.precision_recall_fscore_support(labels, said, labels=range(classes), zero_division=np.nan)
    for place, row in enumerate(found["per_class"]):
        for key, column in zip(("precision", "recall", "f1", "support"), table, strict=True):
            if row[key] is None:
                assert np.isnan(column[place]) and row["why"][key]
            else:
                assert row[key] == pytest.approx(column[place], abs=1e-9)


def test_areas_of_many_classes_are_scikit_learns_multi_class_ones():
    random = np.random.default_rng(0)
    labels, logits = random.integers(0, 7, 500), random.normal(size=(500, 7)).astype(np.float32)
    logits[np.arange(500), labels] += 1.2
    found, own = measured(labels, logits)
    for average in ("macro", "weighted"):
        wanted = sk.roc_auc_score(labels, own.probabilities, multi_class="ovr", average=average)
        assert value(found, f"{average}_auc") == pytest.approx(wanted, abs=1e-9)
    assert "roc_auc" not in found
    for k, figure in found["top_k"].items():
        assert figure["value"] == pytest.approx(sk.top_k_accuracy_score(labels, logits, k=int(k)), abs=1e-9)
    assert list(found["top_k"]) == ["2", "3", "5"]


def test_of_equal_logits_the_first_class_stands_first_as_in_the_answer():
    found, _ = measured([0, 1, 2, 3], np.zeros((4, 4)))
    assert value(found, "accuracy") == 0.25
    assert {k: figure["value"] for k, figure in found["top_k"].items()} == {"2": 0.5, "3": 0.75}


def test_scores_that_round_to_one_are_still_told_apart():
    logits = np.float32([[40, 0, 0], [60, 0, 0], [50, 0, 0], [0, 60, 1], [0, 1, 60]])
    assert len(set(some(logits).probabilities[:, 0])) < 5
    odds = odds_against_rest(logits)
    assert np.isfinite(odds).all() and odds[1, 0] > odds[2, 0] > odds[0, 0] > odds[3, 0]
    np.testing.assert_allclose(odds[:3, 0], np.array([40, 60, 50]) - np.log(2))


@pytest.mark.parametrize("how", ["classes", "groups"])
def test_a_design_widens_or_narrows_and_leaves_the_figures_alone(how):
    random = np.random.default_rng(0)
    labels, logits = random.integers(0, 2, 200), random.normal(size=(200, 2))
    codes = labels if how == "classes" else np.arange(200) // 10
    logits[np.arange(200), labels] += np.repeat(random.normal(1, 2, 20), 10)
    plain, _ = measured(labels, logits, resamples=1000)
    other, _ = measured(labels, logits, resamples=1000, design=Design(how, codes))
    assert (plain["drawn"], other["drawn"]) == ("images", how)
    widths = [figures["accuracy"]["high"] - figures["accuracy"]["low"] for figures in (plain, other)]
    assert widths[1] > 1.2 * widths[0] if how == "groups" else widths[1] == pytest.approx(widths[0], rel=0.1)
    assert value(plain, "macro_auc") == value(other, "macro_auc")


def test_where_ranking_would_take_too_long_there_is_no_interval_and_a_reason(monkeypatch):
    monkeypatch.setattr("sightline.evaluation.ranks.RANKED_AT_MOST", 1000)
    random = np.random.default_rng(0)
    found, _ = measured(random.integers(0, 3, 50), random.normal(size=(50, 3)))
    assert found["macro_auc"]["low"] is None and "too many" in found["macro_auc"]["why"]
    assert found["accuracy"]["low"] is not None
