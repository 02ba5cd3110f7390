"""What an evaluation leaves behind for spreadsheets and for the eye."""

import csv

import numpy as np
import pytest
from PIL import Image
from test_label_metrics import predictions as of_labels
from test_number_metrics import predictions as of_numbers
from test_predictions import some

from sightline.evaluation.abstention import abstention_of
from sightline.evaluation.calibration import calibration_of
from sightline.evaluation.figure_plots import draw_figures
from sightline.evaluation.flat import write_flat
from sightline.evaluation.metrics import measure


def figures_of(own):
    found = measure(own, resamples=100, confidence=0.95, seed=0, train_counts=[1] * len(own.classes))
    if own.kind != "numbers":
        found["calibration"] = calibration_of(own, seed=0)
    if own.kind == "class":
        found["abstention"] = abstention_of(own)
    return found


def of_classes():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 60)
    return some(random.normal(size=(60, 3)) + 2 * np.eye(3)[labels], labels, classes=("cat", "$x^2 猫", "no such"))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (of_classes, {"reliability", "roc", "pr", "abstention", "confusion"}),
        (of_labels, {"reliability", "roc", "pr"}),
        (of_numbers, set()),
    ],
)
def test_what_there_is_to_draw_is_drawn(tmp_path, make, names, recwarn):
    own = make()
    written = draw_figures(figures_of(own), own, tmp_path / "plots")
    assert {path.name for path in written} == {f"test-{name}.png" for name in names}
    for path in written:
        with Image.open(path) as image:
            assert image.width >= 600 and len(image.convert("L").getcolors(256 * 256) or []) > 20
    assert not list(recwarn)


@pytest.mark.parametrize("make", [of_classes, of_labels, of_numbers])
def test_the_flat_table_holds_every_figure(tmp_path, make):
    figures = figures_of(make())
    write_flat(figures, tmp_path / "test.csv")
    with (tmp_path / "test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["part"] for row in rows} == {"test"}
    table = {(row["section"], row["name"], row["figure"]): row for row in rows}
    assert len(table) == len(rows)
    for key, figure in figures.items():
        if isinstance(figure, dict) and "low" in figure:
            row = table["all", "", key]
            told = ["" if figure[end] is None else str(figure[end]) for end in ("value", "low", "high")]
            assert [row["value"], row["low"], row["high"]] == told and row["n"] == str(figures["n"])
    for own in figures.get("per_class", ()):
        row = table["class", own["class"], "recall"]
        assert row["value"] == ("" if own["recall"] is None else str(own["recall"]))
    assert (("calibration", "", "ece") in table) == ("calibration" in figures)
