"""Records as TensorBoard itself reads them."""

import itertools

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sightline.records import Record
from sightline.sinks.tensorboard import TensorboardSink


def step(number, loss=None):
    loss = torch.tensor(1 / number) if loss is None else loss
    values = {"loss": loss, "accuracy": 0.5, "lr": 0.1, "images": 4}
    return Record(kind="step", step=number, epoch=number / 2, values=values)


def read_back(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_every_number_is_a_scalar(tmp_path):
    sink = TensorboardSink(tmp_path)
    sink.write(step(1))
    sink.write(step(2))
    sink.write(Record(kind="eval", step=2, epoch=1.0, values={"val_loss": 0.25, "val_accuracy": 0.75, "best": True}))
    sink.write(Record(kind="note", step=2, epoch=1.0, values={"text": "hello"}))
    sink.write(Record(kind="save", step=2, epoch=1.0, values={"best": True}))
    sink.close()
    assert read_back(tmp_path) == {
        "train/epoch": [(1, 0.5), (2, 1.0)],
        "train/loss": [(1, 1.0), (2, 0.5)],
        "train/accuracy": [(1, 0.5), (2, 0.5)],
        "train/lr": [(1, pytest.approx(0.1)), (2, pytest.approx(0.1))],
        "val/loss": [(2, 0.25)],
        "val/accuracy": [(2, 0.75)],
    }


@pytest.mark.parametrize("hours", [0, 1, -1], ids=["at once", "later", "after the clock was set back"])
def test_resumed_runs_replace_what_came_after_their_checkpoints(tmp_path, monkeypatch, hours):
    now = itertools.count(1_700_000_000, 3600 * hours)
    for first, steps in ((0, (1, 2, 3)), (1, (2, 3, 4)), (2, (3, 4, 5)), (4, (5,))):
        at = float(next(now))
        monkeypatch.setattr("time.time", lambda at=at: at)
        sink = TensorboardSink(tmp_path, first_step=first)
        for number in steps:
            sink.write(step(number, loss=float(first)))
        sink.close()
    assert read_back(tmp_path)["train/loss"] == [(1, 0.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 4.0)]
    assert len(list(tmp_path.iterdir())) == 4
