"""Numbers that are none: the layer that turned first is named, and the training stops or goes back and goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ranks import on_ranks
from sightline import resume
from sightline.errors import ConfigError, NonFiniteError
from sightline.run import Run
from sightline.training import watch
from small_training import LOSS as DISTURBED
from small_training import leftovers, steps_of, timeless, train_small, words, write_pictures

MODEL = '''
"""A network with a layer that fails: its input, what it gives, or its gradient, from a size of its weight on."""

import torch
from torch import nn


class Fragile(nn.Module):
    def __init__(self, kind, limit):
        super().__init__()
        self.kind, self.limit, self.weight = kind, limit, nn.Parameter(torch.zeros(1))

    def forward(self, x):
        bad = bool(self.weight.abs() > self.limit)
        if bad and self.kind == "activations":
            return (x + self.weight) * float("inf")
        if bad and self.kind == "gradient":  # the root of nought has no finite slope
            return x + self.weight + torch.sqrt(self.weight - self.weight.detach())
        return x + self.weight


def fragile(num_classes, in_chans, kind="activations", limit=0.025):
    return nn.Sequential(
        nn.Conv2d(in_chans, 4, 3), nn.ReLU(), Fragile(kind, limit), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, num_classes),
    )
'''
LOSS = """
import torch
from torch.nn.functional import cross_entropy


def loss(config):
    def none(logits, targets):
        losses = cross_entropy(logits, targets, reduction="none")
        return losses * (float("nan") if logits.requires_grad else 1)

    return none
"""
CHANGES: dict[str, Any] = {
    "model.name": "fragile:fragile",
    "train.batch_size": 12,
    "train.steps": 12,
    "train.save": "2st",
    "train.evaluate": "6st",
    "train.lr": 0.01,
    "train.schedule.name": "constant",
    "train.schedule.warmup": "0st",
}
ROLLBACK = {"train.non_finite.then": "rollback", "train.non_finite.factor": 0.01}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("none") / "pictures")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fragile.py").write_text(MODEL)
    (tmp_path / "lossless.py").write_text(LOSS)
    monkeypatch.chdir(tmp_path)


def small(pictures: Path, name: str, kind: str = "activations", **changes: Any) -> Any:
    own = {"model.options": {"kind": kind, **({"limit": changes.pop("limit")} if "limit" in changes else {})}}
    return train_small(pictures, Path(name), **CHANGES | own | changes)


def failed(pictures: Path, name: str, kind: str, **changes: Any) -> NonFiniteError:
    with pytest.raises(NonFiniteError) as raised:
        small(pictures, name, kind, **changes)
    return raised.value


def test_the_layer_that_turned_first_is_named(pictures: Path):
    error = failed(pictures, "activations", "activations")
    assert error.got == "first in the activations of 2 (Fragile)"
    error = failed(pictures, "gradient", "gradient")
    assert error.what == "the weights became NaN or infinite at step 4", "before it is saved"
    assert error.got == "first in the gradient of the weights 2.weight"
    error = failed(pictures, "later", "gradient", **{"train.save": "3st"})
    assert error.what == "the loss became NaN or infinite at step 5"
    assert error.got == "first in the gradient of the weights 2.weight, at step 4"
    error = failed(pictures, "loss", "none", **{"train.loss.name": "lossless:loss"})
    assert (error.step, error.got) == (1, "first in the loss itself, of finite outputs of the network")


def test_a_device_that_is_not_waited_for_at_every_step_gives_the_same_name(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    at_once = failed(pictures, "at_once", "activations", **{"train.save": "10st"})
    own = watch.Watch.__init__

    def seldom(self: watch.Watch, job: Any) -> None:
        own(self, job)
        self.every = self.every if job.closely else 5

    monkeypatch.setattr(watch.Watch, "__init__", seldom)
    once = {"then": "rollback", "times": 1, "factor": 0.99}
    changes = {"train.save": "10st", **{f"train.non_finite.{key}": value for key, value in once.items()}}
    late = failed(pictures, "late", "activations", **changes)
    assert (late.got, late.step) == (at_once.got, at_once.step)


def test_going_back_lowers_the_rate_and_leaves_no_trace_of_the_failed_steps(pictures: Path):
    error = failed(pictures, "stopped", "activations")
    trained = small(pictures, "run", **ROLLBACK)
    assert (trained.ended, trained.step) == ("finished", 12)
    back = [{"from": error.step, "to": 2 * ((error.step - 1) // 2), "rate": 0.01}]
    info = Run(Path("run")).info()
    assert [{key: one[key] for key in ("from", "to", "rate")} for one in info["rollbacks"]] == back
    assert info["rollbacks"][0]["reason"] == f"{error.what}, {error.got}"
    assert steps_of(Path("run")) == list(range(1, 13))
    rates = [record["lr"] for record in timeless(Path("run"), "step")]
    assert rates == pytest.approx([0.01] * back[0]["to"] + [0.0001] * (12 - back[0]["to"]))
    notes = [one for one in Run(Path("run")).read_records() if one["kind"] == "note"]
    assert [(note["step"], note["from"]) for note in notes] == [(back[0]["to"], error.step)]


@pytest.mark.parametrize("limit", [0.025, 5e-3], ids=["from a checkpoint", "from the first weights"])
def test_a_run_that_went_back_resumes_exactly(
    limit: float, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "disturbed.py").write_text(DISTURBED)
    monkeypatch.setenv("SIGHTLINE_TEST_AT", f"0 copy whole {tmp_path / 'at'}")
    whole = small(pictures, "whole", limit=limit, **ROLLBACK | {"train.loss.name": "disturbed:loss"})
    monkeypatch.delenv("SIGHTLINE_TEST_AT")
    assert len(Run(Path("whole")).info()["rollbacks"]) == 1
    for cut in range(2, 9):  # before the failure, while its cause is sought, and after going back
        again = resume(tmp_path / "at" / str(cut))
        assert again.weights_sha256 == whole.weights_sha256, f"cut off in pass {cut}"
        assert timeless(again.run.folder, "step", "eval", "save", "note") == timeless(
            Path("whole"), "step", "eval", "save", "note"
        )
        assert again.run.info()["rollbacks"] == Run(Path("whole")).info()["rollbacks"]
    assert not leftovers(tmp_path)


def test_it_goes_back_so_often_and_no_more(pictures: Path):
    error = failed(pictures, "run", "activations", limit=1e-9, **ROLLBACK | {"train.non_finite.times": 2})
    assert [one["rate"] for one in Run(Path("run")).info()["rollbacks"]] == pytest.approx([0.01, 0.0001])
    assert error.got == "first in the activations of 2 (Fragile)"
    with pytest.raises(NonFiniteError):
        resume(Path("run"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_ranks_go_back_together(kind: str, pictures: Path):
    alone = small(pictures, "alone", **ROLLBACK)
    own = {"model.options": {"kind": "activations"}, "train.distributed.kind": kind}
    on_ranks("train", str(pictures), "--run", "ranks", *words(**CHANGES | ROLLBACK | own), world=2)
    assert Run(Path("ranks")).info()["rollbacks"] == Run(alone.run.folder).info()["rollbacks"]
    assert steps_of(Path("ranks")) == list(range(1, 13))


@pytest.mark.parametrize("name", ["factor", "times"])
def test_settings_of_going_back_are_refused_where_it_stops(name: str, pictures: Path):
    with pytest.raises(ConfigError, match=f"train.non_finite.{name} has no effect"):
        small(pictures, "run", **{f"train.non_finite.{name}": 0.3 if name == "factor" else 7})


def test_images_that_are_no_numbers_are_named(pictures: Path, monkeypatch: pytest.MonkeyPatch):
    from sightline.task.task import Task

    own: Callable[..., torch.Tensor] = Task.inputs
    monkeypatch.setattr(Task, "inputs", lambda *arguments: own(*arguments) * float("nan"))
    error = failed(pictures, "run", "none")
    assert error.got == "first in the images, before the first layer"
