"""Figures of the user's own, measured like the built-in ones."""

import numpy as np
import pytest
from test_label_metrics import predictions as of_labels
from test_predictions import some

from sightline.errors import PlugError
from sightline.evaluation.metrics import measure
from sightline.evaluation.own_metrics import load_metrics, own_figures

HOW = {"resamples": 300, "confidence": 0.95, "seed": 0}


def accuracy(truth, outputs, weights):
    assert truth.dtype == np.int64 and outputs.dtype == weights.dtype == np.float64
    return (weights * (outputs.argmax(axis=1) == truth)).sum() / weights.sum()


def case():
    random = np.random.default_rng(0)
    labels = random.integers(-1, 3, 80)
    return some(random.normal(size=(80, 3)) + 2 * np.eye(3)[labels], labels)


def test_a_share_of_ones_own_has_the_interval_of_the_built_in_one():
    def share(*arrays):
        return accuracy(*arrays)

    share.ends = (0, 1)
    own = own_figures(case(), {"mine": share}, **HOW)["mine"]
    built_in = measure(case(), **HOW, train_counts=[1, 1, 1])["accuracy"]
    assert own == pytest.approx(built_in, abs=1e-12)
    plain = own_figures(case(), {"mine": accuracy}, **HOW)["mine"]
    assert plain["value"] == own["value"] and plain["low"] != own["low"]


def test_labels_come_as_flags_and_probabilities():
    own = of_labels()
    found = own_figures(own, {"m": lambda t, o, w: float(np.abs(t - o).mean())}, **HOW)["m"]
    assert found["value"] == pytest.approx(np.abs(own.truths - own.probabilities).mean())


def test_none_is_told_as_not_defined():
    assert own_figures(case(), {"m": lambda *_: None}, **HOW)["m"]["why"] == "the metric says so"


@pytest.mark.parametrize(
    ("metric", "words"), [(lambda *_: "much", "no finite number"), (lambda *_: 1 / 0, "ZeroDivisionError")]
)
def test_what_is_wrong_with_a_metric_is_said(metric, words):
    with pytest.raises(PlugError, match=words):
        own_figures(case(), {"m": metric}, **HOW)


def test_a_metric_is_found_in_the_users_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_figures_here.py").write_text("def one(truth, outputs, weights):\n    return 1.0\nother = 3\n")
    found = load_metrics(["own_figures_here.py:one", "own_figures_here:one"])
    assert [metric(0, 0, 0) for metric in found.values()] == [1.0, 1.0]
    with pytest.raises(PlugError, match="no function"):
        load_metrics(["own_figures_here:other"])
    with pytest.raises(PlugError, match=r"unknown metric 'auc' \(evaluation.metrics\)"):
        load_metrics(["auc"])
