"""Records become columns, whatever happened to the training that wrote them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.diagnosis.gather import Tail, read_history
from sightline.errors import RunError


def step(number: int, loss: Any = 0.5, **more: Any) -> dict[str, Any]:
    plain = {"kind": "step", "step": number, "epoch": number / 4, "loss": loss, "accuracy": 0.25, "lr": 0.1}
    return plain | {"images": 8, "seconds": 0.01, "wait": 0.002} | more


def evaluation(number: int, loss: float = 0.6, **more: Any) -> dict[str, Any]:
    return {"kind": "eval", "step": number, "epoch": number / 4, "val_loss": loss, "val_accuracy": 0.75} | more


def look(number: int, layers: tuple[str, ...] = ("stem", "head")) -> dict[str, Any]:
    table = [[1.0, None], [2.0, 0.5]][: len(layers)]
    kinds = ["Conv2d", "Linear"][: len(layers)]
    told = {"layers": list(layers), "kinds": kinds, "figures": ["weight_norm", "dead"], "table": table}
    return {"kind": "look", "step": number, "epoch": number / 4} | told


def written(folder: Path, *records: dict[str, Any], end: str = "") -> Path:
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records) + end)
    return path


def test_columns_of_steps_evaluations_and_looks(tmp_path: Path):
    told = {"val_loss_sd": 0.2, "seen_loss": 0.3, "seen_accuracy": 0.9, "seen_n": 32, "val_true": [3, 1]}
    notes = {"kind": "note", "step": 2, "epoch": 0.5, "text": "hello"}
    save = {"kind": "save", "step": 2, "epoch": 0.5, "best": True}
    history = read_history(
        written(tmp_path, step(1), step(2, 0.4, grad_norm=3.0), look(2), evaluation(2, **told), save, notes)
    )
    assert history.figure == "accuracy"
    assert history.steps.step.tolist() == [1, 2] and history.steps.loss.tolist() == [0.5, 0.4]
    assert history.steps.score.tolist() == [0.25, 0.25] and history.steps.wait.tolist() == [0.002, 0.002]
    assert np.isnan(history.steps.grad_norm[0]) and history.steps.grad_norm[1] == 3.0
    evals = history.evals
    assert (evals.loss[0], evals.score[0], evals.loss_sd[0]) == (0.6, 0.75, 0.2)
    assert (evals.seen_loss[0], evals.seen_score[0], evals.seen_n[0]) == (0.3, 0.9, 32)
    assert evals.true.tolist() == [[3.0, 1.0]] and evals.hits.shape == (1, 0)
    assert history.looks.layers == ("stem", "head") and history.looks.kinds == ("Conv2d", "Linear")
    assert history.looks.figure("weight_norm").tolist() == [[1.0, 2.0]]
    assert np.isnan(history.looks.figure("dead")[0, 0]) and np.isnan(history.looks.figure("saturated")).all()
    assert history.notes == ((2, "hello"),)


def test_the_figure_of_another_task(tmp_path: Path):
    record = {"kind": "step", "step": 1, "epoch": 1, "loss": 2.0, "mae": 1.5, "lr": 0.1, "batch": "a word"}
    history = read_history(
        written(tmp_path, record, {"kind": "eval", "step": 1, "epoch": 1, "val_loss": 1, "val_mae": 3})
    )
    assert history.figure == "mae" and history.steps.score.tolist() == [1.5] and history.evals.score.tolist() == [3]


def test_records_of_an_earlier_version_lack_what_they_did_not_tell(tmp_path: Path):
    history = read_history(written(tmp_path, step(1), evaluation(1)))
    assert np.isnan(history.evals.seen_loss).all() and np.isnan(history.evals.loss_sd).all()
    assert len(history.looks) == 0 and history.looks.figure("dead").shape == (0, 0)


def test_numbers_that_are_none(tmp_path: Path):
    losses = read_history(written(tmp_path, step(1, "nan"), step(2, "inf"), step(3, "-inf"), step(4, None))).steps.loss
    assert np.isnan(losses[[0, 3]]).all() and losses[1:3].tolist() == [np.inf, -np.inf]


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path):
    assert read_history(written(tmp_path, step(1), end='{"kind": "st')).steps.step.tolist() == [1]


def test_no_records_yet(tmp_path: Path):
    history = read_history(tmp_path / "records.jsonl")
    assert len(history.steps) == len(history.evals) == len(history.looks) == 0


@pytest.mark.parametrize("line", ["{oops}", '{"kind": "eval"}', '{"kind": "look", "step": 1}', "[1, 2]"])
def test_damaged_records_are_told(line: str, tmp_path: Path):
    with pytest.raises(RunError, match="the records are damaged"):
        read_history(written(tmp_path, step(1), end=f"{line}\n"))


def test_steps_that_were_written_again_count_once(tmp_path: Path):
    first = [step(1, 1.0), step(2, 2.0), evaluation(2), step(3, 3.0), look(3), step(4, 4.0), evaluation(4)]
    again = [step(3, 30.0), look(3), step(4, 40.0), evaluation(4, 0.5)]
    history = read_history(written(tmp_path, *first, *again))
    assert history.steps.step.tolist() == [1, 2, 3, 4] and history.steps.loss.tolist() == [1, 2, 30, 40]
    assert history.evals.step.tolist() == [2, 4] and history.evals.loss.tolist() == [0.6, 0.5]
    assert history.looks.step.tolist() == [3]


def test_a_single_step_that_was_written_again(tmp_path: Path):
    assert read_history(written(tmp_path, step(1), step(2, 2.0), step(2, 3.0))).steps.loss.tolist() == [0.5, 3.0]


def test_looks_at_other_layers_than_the_last_are_left_out(tmp_path: Path):
    history = read_history(written(tmp_path, step(1), look(1, ("stem",)), step(2), look(2), step(3), look(3)))
    assert history.looks.step.tolist() == [2, 3] and history.looks.figure("weight_norm").shape == (2, 2)


def test_evaluations_that_tell_of_other_classes_are_unknown(tmp_path: Path):
    records = [step(1), evaluation(1, val_true=[1, 2]), step(2), evaluation(2), step(3), evaluation(3, val_true=[3, 4])]
    true = read_history(written(tmp_path, *records)).evals.true
    assert np.isnan(true[1]).all() and true[[0, 2]].tolist() == [[1, 2], [3, 4]]


def test_the_history_until_a_step(tmp_path: Path):
    records = [one for number in (1, 2, 3) for one in (step(number), look(number), evaluation(number))]
    history = read_history(written(tmp_path, *records)).until(2)
    assert history.steps.step.tolist() == history.evals.step.tolist() == history.looks.step.tolist() == [1, 2]
    assert history.looks.figure("dead").shape == (2, 2)


def test_a_file_that_grows_is_read_on(tmp_path: Path):
    path = written(tmp_path, step(1), evaluation(1), end='{"kind": "step", "st')
    tail = Tail(path)
    assert tail.history().steps.step.tolist() == [1]
    with path.open("a") as file:
        file.write('ep": 2, "epoch": 1, "loss": 0.1, "accuracy": 1, "lr": 1}\n' + json.dumps(evaluation(2)) + "\n")
    grown = tail.history()
    assert grown.steps.loss.tolist() == [0.5, 0.1] and grown.evals.step.tolist() == [1, 2]
    assert tail.history().steps.step.tolist() == [1, 2]
