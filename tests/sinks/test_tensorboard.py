"""Records as TensorBoard itself reads them."""

import itertools

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sightline.records import Record
from sightline.sinks.machine_use import MachineUse
from sightline.sinks.tensorboard import TensorboardSink


def step(number, loss=None):
    loss = torch.tensor(1 / number) if loss is None else loss
    values = {"loss": loss, "accuracy": 0.5, "lr": 0.1, "images": 4}
    return Record(kind="step", step=number, epoch=number / 2, values=values)


def read_back(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith("machine/")]
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags}


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


NAN = float("nan")
LOOK = {
    "layers": ["conv", "act"],
    "kinds": ["Conv2d", "ReLU"],
    "figures": ["weight_norm", "gradient_norm", "update_ratio", "mean", "std", "zeros", "dead", "saturated"],
    "table": torch.tensor(
        [[2.0, 3.0, 0.5, 0.1, 1.0, 0.0, 0.0, float("nan")], [*[float("nan")] * 3, 0.2, 0.5, 0.5, 0.25, 1.0]]
    ),
    "probe/conv/kurtosis": torch.tensor(3.5),
}


def test_a_look_has_a_scalar_for_each_layer_and_figure_that_means_something(tmp_path):
    sink = TensorboardSink(tmp_path, shares={"share_0.5": 0.5})
    sink.write(Record(kind="step", step=1, epoch=0.5, values={"loss": 1.0, "lr": 0.1, "images": 8, "seconds": 0.5}))
    sink.write(Record(kind="look", step=1, epoch=0.5, values=LOOK))
    sink.close()
    found = {tag: [value for _, value in events] for tag, events in read_back(tmp_path).items()}
    assert found["train/images_per_second"] == [16.0] and found["lr/share_0.5"] == [pytest.approx(0.05)]
    assert found["gradient_norm/conv"] == found["train/gradient_norm"] == [3.0]
    assert found["update_ratio/conv"] == found["train/update_ratio"] == [0.5]
    assert found["dead/act"] == [0.25] and found["saturated/act"] == [1.0] and found["probe/conv/kurtosis"] == [3.5]
    assert "gradient_norm/act" not in found and "saturated/conv" not in found


def test_the_use_of_the_machine_is_told(tmp_path):
    sink = TensorboardSink(tmp_path)
    assert sum(number**2 for number in range(100_000)) > 0
    sink.write(step(7))
    sink.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    found = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"] if tag.startswith("machine/")}
    assert found["machine/memory_mib"] > 50 and found["machine/memory_free_mib"] > 0
    assert 0 < found["machine/own_cores"] < 1000
    assert 0 <= found.get("machine/cpu_percent", 0) <= 100


def test_a_gpu_that_does_not_tell_how_busy_it_is_still_tells_its_memory(monkeypatch):
    class NotSupported(Exception):
        """What NVML raises of a part of a GPU; it is no RuntimeError."""

    def fail():
        raise NotSupported

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 2**20)
    monkeypatch.setattr(torch.cuda, "utilization", fail)
    told = MachineUse().measured()
    assert told["gpu_memory_mib"] == 1 and "gpu_percent" not in told
