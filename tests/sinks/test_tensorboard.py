"""Records as TensorBoard itself reads them."""

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


def test_a_resumed_run_replaces_what_came_after_its_checkpoint(tmp_path):
    sink = TensorboardSink(tmp_path)
    for number in (1, 2, 3):
        sink.write(step(number, loss=1.0))
    sink.close()
    resumed = TensorboardSink(tmp_path, first_step=1)
    for number in (2, 3, 4):
        resumed.write(step(number, loss=2.0))
    resumed.close()
    assert read_back(tmp_path)["train/loss"] == [(1, 1.0), (2, 2.0), (3, 2.0), (4, 2.0)]
