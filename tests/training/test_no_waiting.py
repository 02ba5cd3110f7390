"""Between two looks at the loss the host never waits for the device: nothing in a step reads a number off it."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sightline.records import Record
from sightline.sinks.jsonl import JsonlSink
from sightline.training.watch import Watch
from small_training import train_small, write_pictures

WAITING = ("_local_scalar_dense", "item", "equal", "nonzero", "masked_select", "unique", "is_nonzero", "index.Tensor")
"""Operations whose result the host must see before it can go on; the last one with a mask."""


class Reads(TorchDispatchMode):
    """Counts such operations."""

    def __init__(self):
        super().__init__()
        self.seen = list[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func).removeprefix("aten.")
        masked = any(isinstance(item, torch.Tensor) and item.dtype == torch.bool for item in _flat(args))
        if name.split(".")[0] in WAITING or (name == "index.Tensor" and masked):
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def _flat(value: Any) -> list[Any]:
    return [item for one in value for item in _flat(one)] if isinstance(value, list | tuple) else [value]


def reads_of_steps(monkeypatch: pytest.MonkeyPatch, data: Path, run: Path, **changes: Any) -> list[list[str]]:
    """What was read between the records of two steps, watchers included, as on a device that is looked at rarely."""
    reads, marks = Reads(), list[int]()
    start, write = Watch.__init__, JsonlSink.write

    def seldom(watch: Watch, job: Any) -> None:
        start(watch, job)
        watch.every = 20

    def marked(sink: JsonlSink, record: Record) -> None:
        write(sink, record)
        if record.kind == "step":
            marks.append(len(reads.seen))

    monkeypatch.setattr(Watch, "__init__", seldom)
    monkeypatch.setattr(JsonlSink, "write", marked)
    with reads:
        train_small(data, run, **{"train.steps": 8, "train.evaluate": "100%", "train.save": "100%"} | changes)
    return [reads.seen[one:other] for one, other in itertools.pairwise(marks)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("waiting") / "pictures")


# Optimizers that count their steps in a tensor keep it on the host, where reading it is no waiting; here all is one.
@pytest.mark.parametrize(
    "changes",
    [
        {"model.options": {"width": 4, "norm": "batch", "dropout": 0.2}, "train.tensorboard": True},
        {"train.clip": 0.5, "train.ema": 0.9, "train.accumulate": 2, "train.precision": "bf16"},
        {"data.mixup": 0.4, "data.cutmix": 1.0, "train.loss.class_weights": "inverse", "train.recompute": "all"},
        {"train.optimizer.name": "sgd", "train.freeze": "3st", "train.layer_decay": 0.7},
    ],
    ids=["plain", "clipped, averaged, accumulated", "mixed, weighed, recomputed", "sgd, frozen"],
)
def test_no_step_waits(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pictures: Path):
    assert reads_of_steps(monkeypatch, pictures, tmp_path / "run", **changes) == [[]] * 7


def test_a_step_that_waits_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pictures: Path):
    (tmp_path / "slow.py").write_text(
        "def schedule(config):\n"
        "    import torch\n"
        "    return lambda step: torch.tensor(0.001).item() * float(torch.ones(3)[torch.ones(3) > 0].sum())\n"
    )
    monkeypatch.chdir(tmp_path)
    found = reads_of_steps(monkeypatch, pictures, tmp_path / "run", **{"train.schedule.name": "slow:schedule"})
    assert found[-1] == ["_local_scalar_dense.default", "index.Tensor", "_local_scalar_dense.default"]
