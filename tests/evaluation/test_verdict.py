"""The verdict: from what the files of a run say to sentences that anybody can read."""

import re
from typing import Any

import pytest

from sightline.evaluation.page.stated import Stated
from sightline.evaluation.page.verdict import Facts, verdict


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def classes(images: int = 500, accuracy: Any = None, **more: Any) -> dict[str, Any]:
    matrix = [[90, 10], [5, 95]]
    return {
        "part": "test", "n": images, "confidence": 0.95, "classes": ["ant", "bee"], "confusion_matrix": matrix,
        "accuracy": accuracy or interval(0.925, 0.9, 0.945),
        "baseline": {"class": "bee", "accuracy": interval(0.5, 0.45, 0.55)},
        "per_class": [{"class": "ant", "support": 100}, {"class": "bee", "support": 100}],
    } | more  # fmt: skip


def paired(name: str, verdict: str, off: tuple[float, float, float], value: float = 0.4, **more: Any) -> dict[str, Any]:
    return {"name": name, "verdict": verdict, "value": value, "difference": interval(*off), "n": 1000} | more


def gap(
    column: str, group: str, value: float, *, real: bool, images: int = 40, figure: str = "accuracy"
) -> dict[str, Any]:
    ends = {"value": value, "low": value - 0.1, "high": value + 0.1, "real": real}
    return {"column": column, "group": group, "n": images, "figures": {figure: interval(0.6, 0.45, 0.74)}, "gap": ends}


def finding(severity: str, rule: str, *settings: str, **more: Any) -> dict[str, Any]:
    own = {"severity": severity, "rule": rule, "message": f"the message of {rule}", "remedy": f"the remedy of {rule}"}
    return own | {"settings": list(settings)} | more


def told(figures: dict[str, Any] | None = None, findings: list[Any] | None = None, **more: Any) -> dict[str, str]:
    """The parts of the verdict as plain words."""
    facts = Facts(
        folder="runs/first",
        figures=None if figures is None else Stated("predictions/test.json", figures),
        findings=None if findings is None else Stated("findings.json", {"findings": findings})["findings"],
        **{key: Stated("run.json", value) for key, value in more.items()},
    )
    return {part.about: re.sub(r"<[^>]+>", "", " ".join(part.sentences)) for part in verdict(facts)}


def test_a_run_without_fault_is_told_so_and_gets_no_advice_to_change():
    found = told(classes(), [finding("note", "noisy_metric")])
    assert found["How good"].startswith("With 95% confidence the true rate lies between 90.0% and 94.5%.")
    assert "Always answering bee would be right 50.0% of the time." in found["How good"]
    assert found["Why"] == "The diagnosis finds no fault in the training (1 note below)."
    assert found["What next"].startswith("Nothing stands out.") and "-s " not in found["What next"]
    assert found["Where it fails"] == "The most frequent mistake: ant taken for bee, 10 of 100 images."


def test_several_findings_are_told_the_worst_in_full_with_the_exact_settings():
    rows = [
        finding("error", "lr_high", "train.lr=0.03"),
        finding("warning", "overfitting", "data.augment=strong", "train.patience=5"),
        finding("warning", "label_noise"),
        finding("warning", "memory", "train.accumulate=2"),
        finding("note", "long_warmup", "train.schedule.warmup=5%"),
    ]
    found = told(classes(), rows)
    assert found["Why"].startswith("The diagnosis of the training has 1 error and 3 warnings.")
    assert "Error: the message of lr_high (lr_high)." in found["Why"] and "The other one is below." in found["Why"]
    assert "the message of memory" not in found["Why"]
    assert found["What next"].startswith(
        "Train with -s train.lr=0.03 -s data.augment=strong -s train.patience=5 -s train.accumulate=2; "
        "sightline diagnose runs/first --apply mended.yaml writes that down."
    )
    assert "warmup" not in found["What next"] and "The remedy of label_noise (label_noise)." in found["What next"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [
                paired("always 'bee'", "better", (0.4, 0.35, 0.45), 0.5),
                paired("ridge", "better", (0.3, 0.25, 0.34), 0.6),
            ],
            "It is better than the baseline “always &#x27;bee&#x27;” (50.0%; difference +40.0 points, +35.0 to +45.0) "
            "and than the baseline “ridge” (60.0%; difference +30.0 points, +25.0 to +34.0).",
        ),
        ([paired("ridge", "worse", (-0.1, -0.2, -0.05))], "It is worse than the baseline “ridge” (40.0%; difference "
         "-10.0 points, -20.0 to -5.0): something far simpler does better."),
        ([paired("ridge", "not distinguishable", (0.01, -0.02, 0.04))], "It cannot be told apart from the baseline "
         "“ridge” (40.0%; difference +1.0 points, -2.0 to +4.0): the gain may be luck."),
        ([paired("ridge", "better", (0.3, 0.25, 0.34), 0.6, n=150)], "(60.0%; difference +30.0 points, +25.0 to +34.0, "
         "on 150 of the images)"),
    ],
)  # fmt: skip
def test_baselines_are_beaten_or_not_by_so_much(rows, words):
    assert words in told(classes(baselines=rows))["How good"]


def test_what_no_image_mends_gets_no_advice_to_take_more():
    figures = classes(slices={"rows": [gap("class", "ant", -0.2, real=True)]})
    assert "Get more images of ant" in told(figures)["What next"]
    worse = [paired("always 'bee'", "worse", (-0.1, -0.2, -0.05))]
    found = told(figures | {"baselines": worse}, [finding("error", "not_learning", "train.lr=0.01")])
    assert "-0.05" not in found["How good"] and "it has learnt nothing useful" in found["How good"]
    assert found["What next"].startswith("Train with -s train.lr=0.01;") and "Get more" not in found["What next"]
    found = told(figures | {"baselines": worse}, [])
    assert found["What next"].startswith("Before anything else it has to beat that baseline")


def test_a_tiny_test_part_says_that_its_interval_is_wide():
    found = told(classes(18, interval(0.944, 0.742, 0.99)))
    assert "The interval is 25 points wide, because 18 images are few: four times as many" in found["How good"]
    assert "Hold out more images, or judge by cross-validation" in found["What next"]
    assert "wide" not in told(classes())["How good"]


def test_only_gaps_that_are_real_are_told_and_only_the_worst_of_a_kind():
    rows = [
        gap("class", "ant", -0.2, real=True),
        gap("class", "bee", -0.3, real=False),
        gap("class", "cat", -0.4, real=True),
        gap("brightness", "up to 61", -0.15, real=True), gap("contrast", "above 9", 0.3, real=True),
    ]  # fmt: skip
    figures = classes(
        slices={"judged": "accuracy", "rows": rows}, groups={"rows": [gap("site", "B", -0.25, real=True)]}
    )
    found = told(figures, [], counts={"ant": 291, "cat": 17})
    first, *_ = found["Where it fails"].split(". ")
    assert first == (
        "It fails most at class cat: right in 60.0% (45.0% to 74.0%) of 40 images, 40.0 points below the rest "
        "(30.0 to 50.0)"
    )
    for words, there in (("site B", 1), ("brightness up to 61", 1), ("class ant", 0), ("bee:", 0), ("contrast", 0)):
        assert (words in found["Where it fails"]) == bool(there), words
    assert "Get more images of cat: the training part has 17." in found["What next"]
    assert "Get more images of ant: the training part has 291." in found["What next"]
    calm = told(classes(slices={"rows": [gap("class", "bee", -0.3, real=False)]}))
    assert "No class, group or kind of image is worse than the rest for certain." in calm["Where it fails"]


@pytest.mark.parametrize(
    ("real", "sure", "words"),
    [
        (False, 0.93, "off by 4.0% on average (expected calibration error), which is not above what chance gives"),
        (True, 0.99, "It is surer than it is right: 99.0% sure and 92.5% right on average"),
        (True, 0.7, "It is less sure than it could be: 70.0% sure and 92.5% right on average"),
        (True, 0.93, "Its confidences cannot be taken at their word: they are off by 4.0% on average"),
    ],
)
def test_confidences_are_doubted_only_beyond_chance(real, sure, words):
    own = {"ece": {"value": 0.04, "chance_high": 0.05, "real": real}, "mean_confidence": sure, "accuracy": 0.925,
           "temperature": 1.5, "raw": {"ece": 0.11}}  # fmt: skip
    kept = {"for_coverage": [{"wanted": 0.8, "coverage": 0.802, "accuracy": 0.97, "threshold": 0.61}]}
    found = told(classes(calibration=own, abstention=kept))["How sure of itself"]
    assert words in found
    assert (
        "divided by a temperature of 1.5, fitted on validation images; without it they would be off by 11.0%" in found
    )
    assert "Of the 80% of answers that it is surest of (61% or more), 97.0% are right." in found


def test_numbers_are_told_in_their_units():
    row = {"target": "age", "unit": "years", "mae": interval(3.0, 2.0, 4.5), "baseline_mae": interval(9.0, 8.0, 10.0),
           "bias": interval(1.2, 0.4, 2.0)}  # fmt: skip
    slices = {"judged": "mae", "rows": [gap("aspect", "of 1", 2.0, real=True, figure="mae")]}
    figures = {"kind": "numbers", "part": "test", "n": 50, "confidence": 0.95, "per_target": [row], "slices": slices}
    found = told(figures)
    assert "the mean error lies between 2 and 4.5 years." in found["How good"]
    assert "Always answering the mean of the training part is off by 9 years." in found["How good"]
    assert "The interval is 2.5 wide, because 50 images are few" in found["How good"]
    assert found["How sure of itself"] == "It says numbers that are too large, by 1.2 on average (+0.4 to +2)."
    assert (
        "aspect of 1: off by 0.6 (0.45 to 0.74) on 40 images, 2 more than on the rest (1.9 to 2.1)"
        in (found["Where it fails"])
    )
    worse = told(figures | {"baselines": [paired("ridge", "worse", (2.0, 1.0, 3.0), 4.0)]})["How good"]
    assert "It is worse than the baseline “ridge” (mean error 4; difference +2, +1 to +3)" in worse
    alone = {"value": 3.0, "low": None, "high": None, "why": "one group does not tell"}
    told_alone = told(figures | {"per_target": [row | {"mae": alone}]})["How good"]
    assert "How far the mean error varies is not known: one group does not tell." in told_alone
    assert "off by 9 years: the gain may be luck." in told_alone and "wide" not in told_alone


def test_labels_are_told_by_how_many_agree():
    rows = [
        {"class": "red", "average_precision": 0.9, "support": 20},
        {"class": "blue", "average_precision": 0.6, "support": 7},
    ]
    figures = {
        "kind": "labels", "part": "test", "n": 400, "confidence": 0.9, "jaccard": interval(0.8, 0.76, 0.84),
        "baseline": {"labels": ["red"], "jaccard": interval(0.82, 0.8, 0.84)}, "per_class": rows,
    }  # fmt: skip
    found = told(figures)
    assert (
        "On average 80.0% of the labels that an image has or is given are both; with 90% confidence"
        in found["How good"]
    )
    assert "Always answering red would reach 82.0%: the model has learnt nothing useful." in found["How good"]
    assert "Of the labels, blue is found worst: average precision 60.0%, 7 of the images" in found["Where it fails"]


def test_probabilities_of_labels_are_not_answers():
    own = {"ece": {"value": 0.1, "chance_high": 0.05, "real": True}, "mean_confidence": 0.6, "accuracy": 0.45,
           "temperature": 1.0}  # fmt: skip
    rows = [{"class": "red", "average_precision": 0.9, "support": 20}]
    figures = {
        "kind": "labels", "part": "test", "n": 400, "confidence": 0.95, "jaccard": interval(0.8, 0.76, 0.84),
        "baseline": {"labels": [], "jaccard": interval(0.2, 0.15, 0.25)}, "per_class": rows, "calibration": own,
        "slices": {"judged": "jaccard", "rows": [gap("contrast", "above 9", -0.3, real=True, figure="jaccard")]},
    }  # fmt: skip
    found = told(figures)
    sure = found["How sure of itself"]
    assert "It gives labels too high a probability: 60.0% on average, where 45.0% are true" in sure
    assert "contrast above 9: Jaccard index 60.0% (45.0% to 74.0%) on 40 images" in found["Where it fails"]


def test_without_an_evaluation_the_next_thing_is_one():
    found = told(None, [], checked=["error: 1 picture is there twice", "note: classes are unequal"])
    assert set(found) == {"Why", "What next"}
    assert found["What next"] == "Measure it: sightline evaluate runs/first."
    assert found["Why"].endswith("The data has faults: 1 picture is there twice.")


def test_a_label_that_is_markup_stays_words():
    figures = classes(classes=["<i>x</i>", "bee"])
    facts = Facts(folder="<b>", figures=Stated("predictions/test.json", figures))
    page = "".join(sentence for part in verdict(facts) for sentence in part.sentences)
    assert "<i>" not in page and "<b>" not in page and "&lt;i&gt;x" in page
