"""A sink can neither end a training nor hold it up."""

from pathlib import Path
from typing import Any

import pytest

from sightline.errors import MissingExtra
from sightline.records import Record
from sightline.sinks import guarded
from sightline.sinks.guarded import Guarded
from sightline.sinks.tensorboard import TensorboardSink
from small_training import steps_of, train_small, write_pictures

STEP = Record(kind="step", step=1, epoch=0.1)


class Faulty:
    """Fails when it is told to."""

    def __init__(self, error: BaseException | None = None):
        self.error, self.seen, self.closed = error, 0, False

    def write(self, record: Record) -> None:
        self.seen += 1
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("error", [ValueError("no such table"), OSError(28, "No space left"), AssertionError()])
def test_one_that_fails_is_dropped_with_one_warning(error: Exception):
    told, sink = list[str](), Faulty(error)
    guard = Guarded("MLflow", lambda: sink, told.append)
    for _ in range(3):
        guard.write(STEP)
    guard.close()
    assert sink.seen == 1 and not sink.closed
    assert len(told) == 1 and told[0].startswith("warning: MLflow is dropped") and type(error).__name__ in told[0]


def test_one_that_cannot_be_made_is_dropped_but_a_missing_library_is_told_before_the_training():
    told = list[str]()

    def broken() -> Any:
        raise RuntimeError("no server")

    def missing() -> Any:
        raise MissingExtra("mlflow is not installed")

    Guarded("MLflow", broken, told.append).write(STEP)
    assert len(told) == 1 and "no server" in told[0]
    with pytest.raises(MissingExtra):
        Guarded("MLflow", missing, told.append)


def test_ctrl_c_passes():
    with pytest.raises(KeyboardInterrupt):
        Guarded("MLflow", lambda: Faulty(KeyboardInterrupt()), print).write(STEP)


def test_one_that_takes_much_of_the_time_is_dropped(monkeypatch: pytest.MonkeyPatch):
    now, told = [0.0], list[str]()

    class Slow(Faulty):
        def write(self, record: Record) -> None:
            super().write(record)
            now[0] += 2.0

    monkeypatch.setattr(guarded.time, "perf_counter", lambda: now[0])
    sink = Slow()
    guard = Guarded("MLflow", lambda: sink, told.append)
    for _ in range(100):
        now[0] += 10.0
        guard.write(STEP)
    assert sink.seen == 16 and told == [
        "warning: MLflow is dropped, the training goes on without it (it took 32 of 192 seconds)"
    ]
    patient = Faulty()
    guard = Guarded("MLflow", lambda: patient, told.append)
    for _ in range(100):
        guard.write(STEP)
    assert patient.seen == 100


def test_a_training_goes_on_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pictures = write_pictures(tmp_path / "pictures")
    alone = train_small(pictures, tmp_path / "alone")

    def fail(*_: object) -> None:
        raise RuntimeError("the event file is gone")

    monkeypatch.setattr(TensorboardSink, "flush", fail)
    trained = train_small(pictures, tmp_path / "run", **{"train.tensorboard": True})
    assert trained.ended == "finished" and trained.weights_sha256 == alone.weights_sha256
    assert steps_of(tmp_path / "run") == list(range(1, 15))
