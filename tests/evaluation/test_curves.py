import math

import pytest
from PIL import Image

from sightline.evaluation.curves import MOST_POINTS, charts_of, evaluation_rows
from sightline.evaluation.plots import draw_curves


def step(number: int, per_epoch: int = 10, **values):
    defaults = {"loss": 1 / number, "accuracy": 0.5, "lr": 0.1, "images": 64, "seconds": 0.1}
    return {"kind": "step", "step": number, "epoch": number / per_epoch} | defaults | values


def evaluation(number: int, per_epoch: int = 10, **values):
    return {"kind": "eval", "step": number, "epoch": number / per_epoch, "val_loss": 0.4, "val_accuracy": 0.8} | values


def test_draws_three_pictures_with_pixels(tmp_path):
    records = [step(k) for k in range(1, 41)] + [evaluation(40, best=True), {"kind": "save", "step": 40, "epoch": 4.0}]
    written = draw_curves(records, tmp_path / "plots")
    assert [path.name for path in written] == ["loss.png", "accuracy.png", "learning_rate.png"]
    for path in written:
        with Image.open(path) as image:
            assert image.size == (960, 540)
            assert len(image.convert("RGB").getcolors(1 << 20)) > 20
    assert sorted(tmp_path.glob("plots/*")) == sorted(written)


@pytest.mark.parametrize(
    ("records", "names"),
    [
        ([], []),
        ([{"kind": "note", "step": 0, "epoch": 0.0, "text": "hello"}], []),
        ([step(1)], ["loss.png", "accuracy.png", "learning_rate.png"]),
        ([step(1), evaluation(1)], ["loss.png", "accuracy.png", "learning_rate.png"]),
        ([evaluation(1)], ["loss.png", "accuracy.png"]),
        ([{"kind": "step", "step": 1, "epoch": 0.1, "loss": 2.0}], ["loss.png"]),
    ],
    ids=["nothing", "only words", "one step", "one epoch", "only an evaluation", "only a loss"],
)
def test_draws_what_there_is(tmp_path, records, names):
    assert [path.name for path in draw_curves(records, tmp_path)] == names


def test_values_that_are_not_finite_are_left_out(tmp_path):
    records = [step(1), step(2, loss=math.nan), step(3, loss=math.inf), step(4, accuracy=None)]
    loss = charts_of(records)[0].curves[0]
    assert loss.y == [1.0, 0.25]
    assert len(draw_curves(records, tmp_path)) == 3


def test_a_long_training_has_few_points_that_keep_the_mean():
    records = [step(k, per_epoch=1000, loss=float(k % 2)) for k in range(1, 20_001)]
    curve = charts_of(records)[0].curves[0]
    assert len(curve.x) == MOST_POINTS
    assert set(curve.y) == {0.5}
    assert curve.x[-1] == 20.0


def test_a_smaller_last_batch_counts_for_what_it_is():
    rows = evaluation_rows([step(1, loss=1.0, images=3), step(2, loss=5.0, images=1), evaluation(2)])
    assert rows[0]["loss"] == 2.0


def test_rows_hold_the_steps_since_the_evaluation_before():
    records = [step(1, loss=4.0), evaluation(1), step(2, loss=2.0), evaluation(2, val_loss=0.3)]
    assert [(row["loss"], row["val_loss"]) for row in evaluation_rows(records)] == [(4.0, 0.4), (2.0, 0.3)]
    assert evaluation_rows([step(1), step(2)])[0]["step"] == 2


def test_the_best_evaluation_is_the_last_one_marked():
    records = [step(1), evaluation(1, best=True, val_loss=0.5), evaluation(2, best=True), evaluation(3, best=False)]
    assert charts_of(records)[0].best == (0.2, 0.4)
