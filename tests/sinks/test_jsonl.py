"""``records.jsonl``: one JSON object a line, cut to what a checkpoint remembers."""

import json

import pytest
import torch

from sightline.errors import RunError
from sightline.records import Record
from sightline.sinks.jsonl import JsonlSink


def step(number, **values):
    return Record(kind="step", step=number, epoch=number / 3, values={"loss": torch.tensor(0.5), "images": 4} | values)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.jsonl"


def test_a_line_for_each_record(path):
    sink = JsonlSink(path)
    sink.write(step(1, accuracy=torch.tensor(3)))
    sink.write(Record(kind="note", step=1, epoch=1 / 3, values={"text": "Zeit läuft"}))
    sink.close()
    assert lines(path) == [
        {"kind": "step", "step": 1, "epoch": 0.333333, "loss": 0.5, "images": 4, "accuracy": 3},
        {"kind": "note", "step": 1, "epoch": 0.333333, "text": "Zeit läuft"},
    ]
    assert "läuft" in path.read_text(encoding="utf-8")


def test_steps_wait_in_memory_until_there_are_fifty_or_an_evaluation(path):
    sink = JsonlSink(path)
    for number in range(49):
        sink.write(step(number))
    assert path.stat().st_size == 0
    sink.write(step(49))
    assert len(lines(path)) == 50
    sink.write(step(50))
    sink.write(Record(kind="eval", step=50, epoch=1.0, values={"val_loss": 1.0}))
    assert len(lines(path)) == 52
    sink.close()


def test_a_resumed_run_repeats_nothing(path):
    sink = JsonlSink(path)
    sink.write(step(1))
    size = sink.flush()
    assert size == path.stat().st_size
    sink.write(step(2))
    sink.write(step(3))
    sink.close()
    path.write_bytes(path.read_bytes()[:-5])  # killed in the middle of a line
    resumed = JsonlSink(path, size)
    assert resumed.flush() == size
    for number in (2, 3, 4):
        resumed.write(step(number))
    resumed.close()
    assert [line["step"] for line in lines(path)] == [1, 2, 3, 4]


def test_a_new_run_starts_empty(path):
    path.write_text("old\n")
    JsonlSink(path).close()
    assert path.read_bytes() == b""


def test_a_file_that_lost_records_is_refused_and_left_as_it_is(path):
    path.write_text('{"step": 1}\n')
    with pytest.raises(RunError) as error:
        JsonlSink(path, 40)
    assert str(error.value) == (
        f"records.jsonl lost records that the checkpoint remembers ({path.parent})\n  got: 12 of 40 bytes\n"
        "  next: restore the file, or train a new run"
    )
    assert path.read_text() == '{"step": 1}\n'


def test_numbers_that_json_has_not_are_words(path):
    sink = JsonlSink(path)
    sink.write(step(1, a=float("nan"), b=torch.tensor(float("-inf"))))
    sink.close()
    assert lines(path)[0]["a"] == "nan" and lines(path)[0]["b"] == "-inf"


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(RunError, match=r"cannot write: records.jsonl was not saved \(.*absent\)\n  got: No such file"):
        JsonlSink(tmp_path / "absent" / "records.jsonl")
