"""Planted label noise is found from out-of-sample predictions, and sound labels are left alone."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from sightline.data.check.suspects import MOST_TOLD, suspect_labels, suspects
from sightline.data.samples import Names
from sightline.errors import DataError


def test_planted_noise_is_found():
    """Of 1797 labels 143 are changed: 126 are suspect, 114 of them rightly (recall 0.80, precision 0.90)."""
    pixels, truth = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    wrong = random.permutation(len(truth))[: len(truth) * 8 // 100]
    labels = truth.copy()
    labels[wrong] = (truth[wrong] + random.integers(1, 10, len(wrong))) % 10
    model = LogisticRegression(max_iter=300)
    probabilities = cross_val_predict(model, pixels / 16, labels, cv=5, method="predict_proba")
    found = suspects(probabilities, labels)
    planted = np.isin(found.indices, wrong)
    assert planted.sum() / len(wrong) >= 0.75, "recall"
    assert planted.mean() >= 0.87, "precision"
    assert planted[:50].mean() >= 0.98, "the most doubtful come first"
    right = found.likely[planted] == truth[found.indices[planted]]
    assert right.mean() >= 0.95, "and the class that is named is the true one"


def test_by_hand():
    """Thresholds are the mean self-confidence; whoever reaches that of another class most is suspect."""
    probabilities = np.asarray([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.4, 0.6], [0.55, 0.45]])
    labels = np.asarray([0, 0, 0, 1, 1, -1])
    found = suspects(probabilities, labels)
    assert found.thresholds.tolist() == pytest.approx([0.6, 0.75])
    assert found.indices.tolist() == [2] and found.likely.tolist() == [1]
    assert found.margin.tolist() == pytest.approx([0.6])
    assert found.joint.tolist() == [[2, 1], [0, 1]], "the fifth reaches no threshold, the last has no label"


def test_a_class_without_samples_is_nobodys_likely_class():
    probabilities = np.asarray([[0.2, 0.1, 0.7], [0.3, 0.6, 0.1]])
    found = suspects(probabilities, np.asarray([0, 1]))
    assert len(found) == 0 and np.isnan(found.thresholds[2])


def test_a_finding_says_what_speaks_against_the_label_and_whether_the_model_knew_it():
    probabilities = np.asarray([[0.9, 0.1], [0.05, 0.95], [0.2, 0.8]])
    labels, paths = np.asarray([0, 0, 1]), Names.of(["a/0", "a/1", "b/0"])
    found = suspects(probabilities, labels)
    told = list(suspect_labels(found, paths, labels, ("cat", "dog"), probabilities, np.asarray([True, False, True])))
    assert [one.message for one in told] == [
        "a/1 is labeled cat (0.050) and looks like dog (0.950) (the model was trained on it with this label)"
    ]
    assert told[0].evidence["out_of_sample"] is False and told[0].paths == ("a/1",)


def test_a_long_list_is_cut_and_says_so():
    labels = np.zeros(2 * MOST_TOLD + 2, np.int64)
    labels[-1] = 1
    probabilities = np.tile([0.1, 0.9], (len(labels), 1))
    probabilities[0] = 1, 0
    found = suspects(probabilities, labels)
    told = list(
        suspect_labels(
            found, Names.of(map(str, labels)), labels, ("a", "b"), probabilities, np.ones(len(labels), np.bool_)
        )
    )
    assert len(told) == MOST_TOLD + 1 and told[-1].severity == "note"
    assert told[-1].message.startswith(f"{2 * MOST_TOLD} labels are suspect")


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (np.ones((2, 2)) / 2, np.zeros(3, np.int64), "do not fit together"),
        (np.ones((2, 2)), np.zeros(2, np.int64), "sum to 1"),
        (np.asarray([[1.5, -0.5]]), np.zeros(1, np.int64), "positive"),
        (np.ones((2, 2)) / 2, np.asarray([0, 2]), "outside the classes"),
    ],
)
def test_what_cannot_be_ranked_is_refused(probabilities, labels, message):
    with pytest.raises(DataError, match=message):
        suspects(probabilities, labels)
