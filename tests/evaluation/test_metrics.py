import json
import warnings

import numpy as np
import pytest
import sklearn.metrics
from scipy.stats import binomtest
from test_predictions import some

from sightline.errors import DataError
from sightline.evaluation.metrics import measure
from sightline.evaluation.resample import draw

SETTINGS = {"resamples": 300, "confidence": 0.95, "seed": 7}


def case(name: str):
    """Labels and logits of a hard case."""
    generator = np.random.default_rng(3)
    count, classes = {"one sample": (1, 4), "many classes": (3000, 200)}.get(name, (400, 6))
    labels = generator.integers(0, classes, count)
    logits = generator.normal(size=(count, classes)) * 2
    logits[np.arange(count), labels] += 1.5
    if name == "class missing from the labels":
        labels = np.where(labels == 2, 3, labels)
    if name == "class missing everywhere":
        labels = np.where(labels == 2, 3, labels)
        logits[:, 2] = -50
    if name == "class never predicted":
        logits[:, 2] = -50
    if name == "all wrong":
        logits[np.arange(count), labels] = -50
    if name == "all right":
        logits[np.arange(count), labels] = 50
    if name == "one class only":
        labels = np.zeros_like(labels)
    return labels, logits


CASES = [
    "random", "many classes", "one sample", "all wrong", "all right", "one class only",
    "class missing from the labels", "class missing everywhere", "class never predicted",
]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_figures_are_scikit_learns(name):
    labels, logits = case(name)
    classes = logits.shape[1]
    predictions = some(logits, labels, classes=tuple(f"c{k}" for k in range(classes)))
    figures = measure(predictions, **SETTINGS, train_counts=np.ones(classes, int))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers, every = predictions.predicted, list(range(classes))
        accuracy = sklearn.metrics.accuracy_score(labels, answers)
        macro = sklearn.metrics.f1_score(labels, answers, average="macro")
        table = sklearn.metrics.precision_recall_fscore_support(labels, answers, labels=every, zero_division=0)
        matrix = sklearn.metrics.confusion_matrix(labels, answers, labels=every)
        loss = sklearn.metrics.log_loss(labels, predictions.probabilities, labels=every)
    assert figures["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-12)
    assert figures["macro_f1"]["value"] == pytest.approx(macro, abs=1e-12)
    assert figures["confusion_matrix"] == matrix.tolist()
    ours = [[row[key] or 0 for row in figures["per_class"]] for key in ("precision", "recall", "f1", "support")]
    np.testing.assert_allclose(ours, table, atol=1e-12)
    assert figures["n"] == len(labels)
    if predictions.probabilities.min() > 1e-15:  # below that scikit-learn clips, and so reports less than the loss
        assert figures["log_loss"] == pytest.approx(loss, abs=1e-9)
    for key in ("accuracy", "macro_f1"):
        assert 0 <= figures[key]["low"] <= figures[key]["high"] <= 1
    json.dumps(figures, allow_nan=False)


def test_the_interval_is_that_of_resampling_the_images_one_by_one():
    labels, logits = case("random")
    predictions = some(logits, labels, classes=tuple("abcdef"))
    figures = measure(predictions, resamples=4000, confidence=0.9, seed=1, train_counts=[1] * 6)
    generator = np.random.default_rng(5)
    drawn = generator.integers(0, len(labels), (4000, len(labels)))
    accuracies = (labels == predictions.predicted)[drawn].mean(axis=1)
    macros = [
        sklearn.metrics.f1_score(labels[rows], predictions.predicted[rows], average="macro") for rows in drawn[:600]
    ]
    for key, values, room in (("accuracy", accuracies, 0.004), ("macro_f1", macros, 0.01)):
        low, high = np.quantile(values, [0.05, 0.95])
        assert figures[key]["low"] == pytest.approx(low, abs=room)
        assert figures[key]["high"] == pytest.approx(high, abs=room)


@pytest.mark.parametrize("images", [10, 1000])
def test_few_and_many_images_per_cell_are_drawn_alike(images):
    counts = np.array([6, 3, 1]) * images // 10 if images > 10 else np.array([6, 3, 1])
    drawn = draw(np.random.default_rng(0), counts, 20_000)
    assert drawn.shape == (20_000, 3)
    assert (drawn.sum(axis=1) == images).all()
    np.testing.assert_allclose(drawn.mean(axis=0), counts, rtol=0.03)
    shares = counts / images
    np.testing.assert_allclose(drawn.var(axis=0), images * shares * (1 - shares), rtol=0.05)


def test_a_seed_decides_the_interval_and_nothing_else():
    labels, logits = case("random")
    predictions = some(logits, labels, classes=tuple("abcdef"))

    def figures(seed: int):
        return measure(predictions, resamples=500, confidence=0.95, seed=seed, train_counts=[1] * 6)

    assert figures(1) == figures(1)
    assert figures(1)["macro_f1"] != figures(2)["macro_f1"]
    assert figures(1)["macro_f1"]["value"] == figures(2)["macro_f1"]["value"]


def test_the_baseline_answers_the_largest_class_of_the_training_part():
    predictions = some(np.zeros((4, 3)), [0, 1, 1, 2])
    figures = measure(predictions, **SETTINGS, train_counts=[1, 2, 9])
    assert figures["baseline"]["class"] == "<b>dog</b>"
    assert figures["baseline"]["accuracy"]["value"] == 0.25
    assert figures["baseline"]["accuracy"]["low"] <= 0.25 <= figures["baseline"]["accuracy"]["high"]


def test_unlabelled_images_are_counted_and_left_out():
    logits = [[1, 0, 0], [0, 1, 0], [9, 0, 0], [0, 0, 1]]
    figures = measure(some(logits, [0, 1, -1, 0]), **SETTINGS, train_counts=[1, 1, 1])
    assert (figures["n"], figures["unlabelled"]) == (3, 1)
    assert figures["accuracy"]["value"] == 2 / 3


def test_without_any_label_there_is_nothing_to_measure():
    with pytest.raises(DataError, match=r"nothing to measure: no image has a label \(test\)"):
        measure(some(np.zeros((2, 3)), [-1, -1]), **SETTINGS, train_counts=[1, 1, 1])


def test_training_counts_of_other_classes_are_refused():
    with pytest.raises(DataError, match="training counts do not fit the classes"):
        measure(some(np.zeros((2, 3))), **SETTINGS, train_counts=[1, 1])


def test_resampling_in_pieces_changes_nothing(monkeypatch):
    labels, logits = case("random")
    predictions = some(logits, labels, classes=tuple("abcdef"))
    whole = measure(predictions, **SETTINGS, train_counts=[1] * 6)
    monkeypatch.setattr("sightline.evaluation.design.CELLS_AT_ONCE", 5000)
    assert measure(predictions, **SETTINGS, train_counts=[1] * 6) == whole


@pytest.mark.parametrize("right", [True, False])
def test_accuracy_without_a_miss_or_a_hit_has_wilsons_bound(right):
    labels = np.arange(60) % 2
    logits = np.where(np.arange(2) == (labels if right else 1 - labels)[:, None], 9.0, -9.0)
    figure = measure(some(logits, labels, classes=("a", "b")), **SETTINGS, train_counts=np.ones(2, int))["accuracy"]
    edges = binomtest(60 if right else 0, 60).proportion_ci(0.95, "wilson")
    assert figure["value"] == float(right)
    assert (figure["low"], figure["high"]) == pytest.approx((edges.low, edges.high), abs=4e-3)


def test_a_truth_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="not finite"):
        some([[np.nan, 0, 0]])
