"""The baseline's regression against scikit-learn, and what it answers."""

from typing import Any

import numpy as np
import pytest
import torch
from made_up import of_classes, of_labels, random_classes, random_labels, random_numbers
from sklearn.linear_model import RidgeCV

from sightline.evaluation.baseline import SIDE, against, answered, constant, fit_baseline, small_pixels
from sightline.evaluation.ridge import PENALTIES, fit_ridge

HOW: dict[str, Any] = {"resamples": 200, "confidence": 0.95, "seed": 0}


@pytest.mark.parametrize("shape", [(80, 12), (30, 70)], ids=["more images", "more features"])
def test_the_fit_and_its_penalty_are_scikit_learns(shape: tuple[int, int]):
    random = np.random.default_rng(0)
    features = random.normal(size=shape) * random.uniform(0.1, 3, shape[1])
    targets = features[:, :3] @ random.normal(size=(3, 2)) + random.normal(size=(shape[0], 2)) + 5
    ours = fit_ridge(features, targets)
    centered = features - features.mean(axis=0)
    scale = np.maximum(np.linalg.eigvalsh(centered.T @ centered), 0).mean()
    theirs = RidgeCV(alphas=PENALTIES * scale).fit(features, targets)
    assert ours.penalty == pytest.approx(theirs.alpha_)
    np.testing.assert_allclose(ours(features), theirs.predict(features), rtol=1e-6)


def test_small_pixels_are_means_over_a_grid():
    pixels = torch.randint(0, 256, (2, 4 * SIDE, 2 * SIDE, 3), dtype=torch.uint8)
    found = small_pixels(pixels).reshape(2, 3, SIDE, SIDE)
    expected = pixels.numpy().reshape(2, SIDE, 4, SIDE, 2, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2) / 255
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert small_pixels(torch.zeros(1, 5, 40, 1, dtype=torch.uint8)).shape == (1, 5 * SIDE)


def test_the_baseline_learns_what_a_line_can():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 200)
    features = np.eye(3)[labels] + 0.1 * random.normal(size=(200, 3))
    baseline = fit_baseline(features[:100], labels[:100], "class", 3)
    own = answered(baseline, features[100:], of_classes(labels[100:], np.zeros((100, 3))))
    assert (own.predicted == labels[100:]).mean() == 1.0
    truths = features > 0.5
    baseline = fit_baseline(features[:100], truths[:100].astype(np.float32), "labels", 3)
    like = of_labels(truths[100:], np.zeros((100, 3)), threshold=0.3)
    assert (answered(baseline, features[100:], like).given == truths[100:]).all()


def test_the_constant_answer():
    name, own = constant(np.asarray([0, 2, 2, 1]), random_classes(1))
    assert name == "always 'cat'" and set(own.predicted.tolist()) == {2}
    name, own = constant(np.asarray([[1, 0, 1], [1, 0, 0], [1, 1, 1]], np.float32), random_labels(1))
    assert name == "always 'ant' and 'cat'" and own.given.tolist() == [[True, False, True]] * 60
    name, own = constant(np.asarray([[1.0, 4.0], [3.0, 8.0]], np.float32), random_numbers(1))
    assert name == "always the mean" and own.logits.tolist() == [[2.0, 6.0]] * 60


def test_a_model_is_held_against_its_baseline_in_words():
    good, bad = random_classes(1, skill=4), random_classes(2, skill=0)
    assert against("a line", bad, good, **HOW)["verdict"] == "better"
    worse = against("a line", good, bad, **HOW)
    assert worse["verdict"] == "worse" and worse["told"].startswith("the model is WORSE than the baseline a line: ")
    same = against("a line", bad, bad, **HOW)
    assert same["verdict"] == "not distinguishable" and "NOT DISTINGUISHABLE" in same["told"]
    assert worse["value"] == np.mean(good.predicted == good.labels) and worse["n"] == 60
