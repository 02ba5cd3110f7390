"""Groups and slices: gaps that are there are found, gaps of chance are not, and the words say the numbers."""

import json

import numpy as np
import pytest
from test_label_metrics import predictions as of_labels
from test_number_metrics import predictions as of_numbers
from test_predictions import some

from sightline.evaluation.design import Design
from sightline.evaluation.gaps import LEAST, Compared, gaps_of, told, worse
from sightline.evaluation.metrics import measure
from sightline.evaluation.slices import ranges, slices_of


def answers(right, seed=0):
    """Predictions of two classes, right where told."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, len(right))
    logits = np.where(np.arange(2) == np.where(right, labels, 1 - labels)[:, None], 2.0, 0.0)
    return some(logits + random.random((len(right), 1)), labels, classes=("a", "b"))


def sites(images, count=4, seed=1):
    return np.random.default_rng(seed).integers(0, count, images)


def compared(own, design=None):
    return Compared(own, design or Design(), 0)


def test_a_group_that_is_worse_is_found_and_told():
    codes = sites(800)
    right = np.random.default_rng(2).random(800) < np.where(codes == 2, 0.6, 0.9)
    rows = gaps_of(compared(answers(right)), {"site": (("n", "e", "s", "w"), codes)}, 0.95)
    real = [row for row in rows if row["gap"]["real"]]
    assert [row["group"] for row in real if worse(row, "accuracy")] == ["s"]
    south = rows[2]
    inside = codes == 2
    assert south["n"] == inside.sum() and south["figures"]["accuracy"]["value"] == pytest.approx(right[inside].mean())
    gap = south["gap"]
    assert gap["value"] == pytest.approx(right[inside].mean() - right[~inside].mean())
    assert gap["low"] <= gap["value"] <= gap["high"] < 0 and gap["confidence"] == pytest.approx(1 - 0.05 / 4)
    words = told(south, "accuracy")
    assert words.startswith("site s: accuracy 0.") and "below the rest (0." in words
    assert "which may be chance" in told(next(row for row in rows if not row["gap"]["real"]), "accuracy")
    json.dumps(rows, allow_nan=False)


def test_gaps_of_chance_are_called_real_as_seldom_as_promised(monkeypatch):
    monkeypatch.setattr("sightline.evaluation.gaps.DRAWS", 40)
    found = []
    for seed in range(60):
        right = np.random.default_rng(seed).random(200) < 0.8
        columns = {f"c{k}": (tuple("abcd"), sites(200, 4, 100 + 10 * seed + k)) for k in range(3)}
        found.append(any(row["gap"]["real"] for row in gaps_of(compared(answers(right, seed)), columns, 0.95)))
    assert np.mean(found) <= 0.09  # 5 % over all twelve groups together


def test_images_of_one_patient_are_no_independent_witnesses():
    patients = np.arange(400) // 20
    right = np.random.default_rng(3).random(20)[patients] < 0.7
    codes = (patients % 5 == 0).astype(int)
    right[codes == 1] &= patients[codes == 1] < 10
    alone, together = (
        gaps_of(compared(answers(right), design), {"site": (("x", "y"), codes)}, 0.95)[0]["gap"]
        for design in (Design(), Design("groups", patients))
    )
    assert alone["real"] and not together["real"]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_one_patient_alone_is_no_real_gap_of_a_number():
    own, patients = of_numbers(60), np.arange(60) // 10
    own.logits[patients == 2] += 3 * own.logits.std(axis=0)  # one patient whose images are all far off
    rows = gaps_of(compared(own, Design("groups", patients)), {"patient": (tuple("abcdef"), patients)}, 0.95)
    for row in rows:
        assert row["gap"]["value"] is None and not row["gap"]["real"] and "kept together as one" in row["gap"]["why"]
        assert row["figures"]["mae"]["value"] > 0 and row["figures"]["mae"]["low"] is None
    halves = gaps_of(compared(own, Design("groups", patients)), {"half": (("x", "y"), patients // 3)}, 0.95)
    assert all(row["gap"]["low"] < row["gap"]["value"] < row["gap"]["high"] for row in halves)
    json.dumps(rows, allow_nan=False)


def test_too_few_images_are_not_compared_and_unknown_ones_belong_nowhere():
    codes = np.where(np.arange(100) < LEAST - 1, 0, np.where(np.arange(100) < 60, 1, -1))
    rows = gaps_of(compared(answers(np.ones(100, bool))), {"site": (("few", "many"), codes)}, 0.95)
    assert [row["n"] for row in rows] == [LEAST - 1, 60 - LEAST + 1]
    for row in rows:
        assert row["gap"]["value"] is None and not row["gap"]["real"] and "fewer than 10" in row["gap"]["why"]
    assert "rest" not in told(rows[0], "accuracy")


@pytest.mark.parametrize(("make", "judged"), [(of_labels, "jaccard"), (of_numbers, "mae")])
def test_labels_and_numbers_are_compared_by_their_own_figure(make, judged):
    own = make(90)
    codes = sites(90, 2)
    rows = gaps_of(compared(own), {"site": (("x", "y"), codes)}, 0.95)
    counts = [1] * len(own.classes)
    for row, code in zip(rows, (0, 1), strict=True):
        wanted = measure(own.take(np.flatnonzero(codes == code)), resamples=100, confidence=0.95, seed=0,
                         train_counts=counts)  # fmt: skip
        for name, figure in row["figures"].items():
            assert figure["value"] == pytest.approx(wanted[name]["value"], rel=1e-9)
        assert row["gap"]["low"] <= row["gap"]["value"] <= row["gap"]["high"]
    assert judged in rows[0]["figures"] and told(rows[0], judged)


def test_ranges_are_of_about_equal_size_and_named():
    names, codes = ranges(np.append(np.arange(100.0), np.nan))
    assert names == ["up to 24.8", "24.8 to 49.5", "49.5 to 74.2", "above 74.2"]
    assert np.bincount(codes[codes >= 0]).tolist() == [25, 25, 25, 25] and codes[-1] == -1
    names, codes = ranges(np.array([24.0, 32, 24, 32, 32]))
    assert names == ["of 24", "of 32"] and codes.tolist() == [0, 1, 0, 1, 1]


def test_dark_images_that_fail_are_found_without_being_asked_for():
    random = np.random.default_rng(5)
    brightness = random.uniform(0, 255, 600)
    right = random.random(600) < np.where(brightness < 64, 0.55, 0.92)
    measures = {"brightness": brightness, "aspect": random.random(600)}
    found = slices_of(compared(answers(right)), measures, 0.95)
    dark = [text for text in found["weak"] if not text.startswith("confidence")]
    assert len(dark) == 1 and dark[0].startswith("brightness up to 6")
    assert {row["column"] for row in found["rows"]} == {"class", "brightness", "aspect"}
    json.dumps(found, allow_nan=False)


def test_a_model_that_is_surer_than_right_is_told():
    random = np.random.default_rng(6)
    labels = random.integers(0, 2, 500)
    said = np.where(random.random(500) < 0.7, labels, 1 - labels)
    own = some(np.eye(2)[said] * random.uniform(2, 5, (500, 1)), labels, classes=("a", "b"))
    found = slices_of(compared(own), {}, 0.95)
    assert all(row["real"] for row in found["confidence"])
    sure = [text for text in found["weak"] if text.startswith("confidence")]
    assert len(sure) == 5 and "sure of itself" in sure[0]
    calm = some(np.eye(2)[said] * np.log(7 / 3) + random.random((500, 1)), labels, classes=("a", "b"))
    assert not any(row["real"] for row in slices_of(compared(calm), {}, 0.95)["confidence"])
