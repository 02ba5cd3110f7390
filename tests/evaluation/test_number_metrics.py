"""Figures of numbers against scikit-learn, in their units."""

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.stats import norm, t

from sightline.data.outputs import Outputs
from sightline.data.samples import Names
from sightline.errors import DataError
from sightline.evaluation.design import Design
from sightline.evaluation.metrics import measure
from sightline.evaluation.predictions import Predictions

OUTPUTS = Outputs(kind="numbers", mean=(2000.0, 0.4), std=(10.0, 0.2), units=("g", "cm"))
SCORES = {
    "mae": sk.mean_absolute_error,
    "mse": sk.mean_squared_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
}


def predictions(images=90, noise=0.3):
    random = np.random.default_rng(0)
    truths = random.normal([2000, 0.4], [10, 0.2], (images, 2)).astype(np.float32)
    said = (truths + noise * random.normal(size=(images, 2)) * [10, 0.2]).astype(np.float32)
    return Predictions(
        paths=Names.of(str(row) for row in range(images)),
        labels=np.full(images, -1, np.int32),
        logits=said,
        classes=("mass", "width"),
        contract_hash="",
        weights_sha256="5eed",
        part="test",
        source="",
        outputs=OUTPUTS,
        truths=truths,
    )


def measured(own):
    return measure(own, resamples=150, confidence=0.9, seed=0, train_counts=[60, 60])


def test_every_figure_is_scikit_learns():
    own = predictions()
    found = measured(own)
    true, said = own.truths.astype(np.float64), own.logits.astype(np.float64)
    for name, score in SCORES.items():
        assert found[name]["value"] == pytest.approx(score(true, said), abs=1e-9, rel=1e-12), name
        for place, row in enumerate(found["per_target"]):
            assert row[name]["value"] == pytest.approx(score(true[:, place], said[:, place]), abs=1e-9, rel=1e-12)
            assert row[name]["low"] < row[name]["value"] < row[name]["high"]
    assert [row["unit"] for row in found["per_target"]] == ["g", "cm"]


def test_intervals_are_those_of_resampling_by_hand():
    own, values = predictions(), {name: [] for name in SCORES}
    for weights in Design().weights(90, 150, seed=0):
        for row in weights:  # 89 images are drawn
            rows = np.repeat(np.arange(90), np.rint(row * 89 / 90).astype(int))
            for name, score in SCORES.items():
                values[name].append(score(own.truths[rows].astype(np.float64), own.logits[rows].astype(np.float64)))
    found = measured(own)
    edge = norm.cdf(t.ppf(0.05, 89))
    for name in SCORES:
        low, high = np.quantile(values[name], [edge, 1 - edge])
        if name != "r2":  # even on the scale of the logarithm
            factor = np.exp(t.ppf(0.95, 89) * np.std(values[name]) / found[name]["value"])
            low, high = found[name]["value"] / factor, found[name]["value"] * factor
        assert (found[name]["low"], found[name]["high"]) == pytest.approx((low, high), rel=1e-7)


def test_the_baseline_is_the_mean_of_the_training_part():
    own = predictions()
    found = measured(own)
    middle = np.broadcast_to(np.float32([2000.0, 0.4]).astype(np.float64), own.truths.shape)
    assert found["baseline"]["mae"]["value"] == pytest.approx(sk.mean_absolute_error(own.truths, middle), rel=1e-9)
    assert found["per_target"][1]["baseline_mae"]["value"] == pytest.approx(
        sk.mean_absolute_error(own.truths[:, 1], middle[:, 1]), rel=1e-6
    )


@pytest.mark.parametrize("said", [3.0, 4.0])
def test_equal_truths_leave_nothing_for_r2_to_explain(said):
    same = np.full((5, 1), 3.0, np.float32)
    own = Predictions(
        paths=Names.of("abcde"), labels=np.full(5, -1, np.int32), logits=np.full((5, 1), said, np.float32),
        classes=("x",), contract_hash="", weights_sha256="", part="test", source="", truths=same,
        outputs=Outputs(kind="numbers", mean=(0.0,), std=(1.0,)),
    )  # fmt: skip
    found = measure(own, resamples=100, confidence=0.9, seed=0, train_counts=[5])
    assert found["r2"]["value"] is None and "nothing to explain" in found["r2"]["why"]
    assert found["mae"]["value"] == said - 3


def test_numbers_survive_the_file_and_need_their_truths(tmp_path):
    own = predictions()
    own.save(tmp_path / "test.npz")
    assert measured(Predictions.load(tmp_path / "test.npz")) == measured(own)
    with pytest.raises(DataError, match="need truths"):
        Predictions(
            paths=own.paths, labels=own.labels, logits=own.logits, classes=own.classes, contract_hash="",
            weights_sha256="", part="test", source="", outputs=OUTPUTS,
        )  # fmt: skip


def test_median_largest_error_and_bias():
    own = predictions()
    found, true, said = measured(own), own.truths.astype(np.float64), own.logits.astype(np.float64)
    rows = found["per_target"]
    for place, row in enumerate(rows):
        pair = (true[:, place], said[:, place])
        assert row["median_error"] == pytest.approx(sk.median_absolute_error(*pair), rel=1e-9)
        assert row["largest_error"] == pytest.approx(sk.max_error(*pair), rel=1e-9)
        assert row["bias"]["value"] == pytest.approx((pair[1] - pair[0]).mean(), abs=1e-9)
    assert found["median_error"] == pytest.approx(np.mean([row["median_error"] for row in rows]))


def test_a_truth_that_is_no_number_is_refused():
    own = predictions()
    own.truths[7, 1] = np.nan
    with pytest.raises(DataError, match="no finite number"):
        measured(own)
