"""Figures of labels and of numbers against scikit-learn on random and adversarial inputs."""

import json
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from sightline.data.outputs import Outputs
from sightline.data.samples import Names
from sightline.evaluation.metrics import measure
from sightline.evaluation.predictions import Predictions


def stored(outputs: Outputs, logits: np.ndarray, truths: np.ndarray) -> Predictions:
    images, count = logits.shape
    return Predictions(
        paths=Names.of(str(row) for row in range(images)), labels=np.full(images, -1, np.int32),
        logits=logits.astype(np.float32), classes=tuple(f"t{k}" for k in range(count)), contract_hash="",
        weights_sha256="", part="test", source="", outputs=outputs, truths=truths.astype(np.float32),
    )  # fmt: skip


def measured(own: Predictions) -> dict:
    found = measure(own, resamples=20, confidence=0.95, seed=0, train_counts=[1] * len(own.classes))
    json.dumps(found, allow_nan=False)
    for figure in found.values():
        if isinstance(figure, dict) and figure.get("low") is not None:
            assert figure["low"] <= figure["value"] <= figure["high"]
    return found


@st.composite
def labelled(draw):
    """Few or many images, labels that none or all have, ties, all wrong."""
    images, count = draw(st.integers(1, 25)), draw(st.integers(1, 4))
    truths = draw(arrays(np.float32, (images, count), elements=st.sampled_from([0.0, 1.0])))
    for place in range(count):
        fill = draw(st.sampled_from([None, None, 0.0, 1.0]))
        if fill is not None:
            truths[:, place] = fill
    logits = draw(arrays(np.float32, (images, count), elements=st.integers(-3, 3).map(float)))
    return truths, (1 - 2 * truths) if draw(st.booleans()) and draw(st.booleans()) else logits


@settings(max_examples=50, deadline=None, derandomize=True)
@given(labelled())
def test_labels(case):
    truths, logits = case
    own = stored(Outputs(kind="labels"), logits, truths)
    found, true, said, likely = measured(own), truths > 0.5, own.given, own.probabilities
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = {
            "exact_match": sk.accuracy_score(true, said) if true.shape[1] > 1 else (true == said).mean(),
            "hamming_loss": (true != said).mean(),
        }
        for average in ("macro", "weighted", "micro"):
            own_names = [f"{average}_{name}" for name in ("precision", "recall", "f1")]
            three = [binary(true, said, name, average) for name in ("precision", "recall", "f1")]
            wanted |= dict(zip(own_names, three, strict=True))
        known = [k for k in range(true.shape[1]) if 0 < true[:, k].sum() < len(true)]
        areas = [sk.roc_auc_score(true[:, k], likely[:, k]) for k in known]
        averages = [sk.average_precision_score(true[:, k], likely[:, k]) for k in known]
    for name, value in wanted.items():
        if found[name]["value"] is None:
            assert value == 0 and found[name]["why"]
        else:
            assert found[name]["value"] == pytest.approx(value, abs=1e-9), name
    for key, each in (("macro_auc", areas), ("macro_ap", averages)):
        assert found[key]["value"] == (pytest.approx(np.mean(each), abs=1e-9) if each else None)
    for row in found["per_class"]:
        assert set(row["why"]) == {key for key, value in row.items() if value is None}


def binary(true: np.ndarray, said: np.ndarray, name: str, average: str) -> float:
    """Scikit-learn's figure; a single label is no table to it."""
    score = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}[name]
    if true.shape[1] == 1:
        value = score(true[:, 0], said[:, 0], zero_division=0)
        return value if average != "weighted" or true.any() else 0.0
    return score(true, said, average=average, zero_division=0)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(1, 20), st.integers(1, 3), st.booleans(), st.data())
def test_numbers(images, count, flat, data):
    numbers = arrays(np.float32, (images, count), elements=st.integers(-50, 50).map(float))
    truths, said = data.draw(numbers), data.draw(numbers)
    truths = np.repeat(truths[:1], images, axis=0) if flat else truths
    own = stored(Outputs(kind="numbers", mean=(0.0,) * count, std=(1.0,) * count), said, truths)
    found = measured(own)
    pair = (truths.astype(float), said.astype(float))
    assert found["mae"]["value"] == pytest.approx(sk.mean_absolute_error(*pair), abs=1e-9)
    assert found["mse"]["value"] == pytest.approx(sk.mean_squared_error(*pair), abs=1e-9)
    assert found["rmse"]["value"] == pytest.approx(sk.root_mean_squared_error(*pair), abs=1e-9)
    constant = [(column == column[0]).all() for column in truths.T]
    if any(constant):
        assert found["r2"]["value"] is None and "nothing to explain" in found["r2"]["why"]
    else:
        assert found["r2"]["value"] == pytest.approx(sk.r2_score(*pair), abs=1e-9)
