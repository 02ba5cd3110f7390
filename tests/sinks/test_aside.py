"""Trackers neither slow a training nor end it."""

import threading

import pytest
import torch

from sightline.records import Record
from sightline.sinks import aside
from sightline.sinks.aside import Aside


def step(number: int) -> Record:
    return Record(kind="step", step=number, epoch=number / 2, values={"loss": torch.tensor(1.0), "images": 4})


def evaluated(number: int) -> Record:
    return Record(
        kind="eval",
        step=number,
        epoch=1.0,
        values={"val_loss": 0.5, "seen_loss": 0.25, "best": True, "val_true": [1, 2]},
    )


class Taking:
    """Keeps what it is given."""

    def __init__(self):
        self.found, self.closed = [], 0

    def log(self, step, figures):
        self.found.append((step, figures))

    def close(self):
        self.closed += 1


def test_every_number_arrives_in_order_under_its_name():
    tracker, told = Taking(), []
    sink = Aside("tracker", lambda: tracker, told.append)
    for number in range(1, 121):
        sink.write(step(number))
    sink.write(evaluated(120))
    sink.write(Record(kind="note", step=120, epoch=1.0, values={"text": "hello"}))
    sink.close()
    assert [number for number, _ in tracker.found] == [*range(1, 121), 120]
    assert tracker.found[0][1] == {"train/epoch": 0.5, "train/loss": 1.0}
    assert tracker.found[-1][1] == {"val/loss": 0.5, "seen/loss": 0.25}
    assert (tracker.closed, told) == (1, [])


@pytest.mark.parametrize("where", ["start", "log", "close"])
@pytest.mark.parametrize("fault", [RuntimeError("no route to host\nand more"), SystemExit(1), KeyError("x")], ids=str)
def test_whatever_a_tracker_raises_is_told_once(where, fault):
    def fail(*_):
        raise fault

    def start():
        tracker = Taking()
        if where == "start":
            fail()
        setattr(tracker, where, fail)
        return tracker

    told = []
    sink = Aside("tracker", start, told.append)
    for number in range(1, 300):
        sink.write(step(number))
    sink.close()
    assert len(told) == 1
    assert told[0].startswith("warning: tracker failed (")
    assert told[0].endswith("); training goes on without it")
    assert "and more" not in told[0]


def test_a_tracker_that_hangs_holds_up_nothing_but_the_end(monkeypatch):
    monkeypatch.setattr(aside, "_MOST", 1)
    forever, told = threading.Event(), []
    sink = Aside("tracker", forever.wait, told.append, patience=0.05)
    for number in range(1, 201):
        sink.write(step(number))
    sink.close()
    forever.set()
    assert told == [
        "warning: tracker did not take everything within 0 s; going on without it",
        "warning: tracker was slow and got nothing of 150 records; records.jsonl has all",
    ]
