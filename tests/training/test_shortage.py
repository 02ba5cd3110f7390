"""Memory that runs out in the middle of a step: the step is computed again in smaller parts, and none is lost."""

from pathlib import Path
from typing import Any

import pytest

from sightline import resume
from sightline.errors import OutOfMemoryError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from small_training import steps_of, timeless, train_small, weights_of, write_pictures

GREEDY = '''
"""A network that takes no more than so many images at a time, once it has been trained for some steps."""

import os

import torch
from torch import nn


class Greedy(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        images = self.net[0](images)  # the statistics have seen the batch before memory runs out
        if self.training and torch.is_grad_enabled():
            most, _, error = os.environ.get("SIGHTLINE_TEST_FITS", "99").partition(" ")
            begun = int(self.net[0].num_batches_tracked) > int(os.environ.get("SIGHTLINE_TEST_FROM", 0))
            if begun and len(images) > int(most):
                held.append(images)
                held.clear()
                if error == "host":
                    raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")
                raise MemoryError if error == "python" else torch.OutOfMemoryError("CUDA out of memory.")
        return self.net[1:](images)


held = []


def net(num_classes, in_chans):
    layers = (nn.BatchNorm2d(in_chans), nn.Flatten(), nn.Dropout(0.2), nn.Linear(432, num_classes))
    return Greedy(nn.Sequential(*layers))
'''
CHANGES: dict[str, Any] = {
    "model.name": "greedy:net",
    "model.options": {},
    "train.steps": 8,
    "train.accumulate": 1,
    "train.save": "2st",
    "data.mixup": 0.4,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("greedy") / "pictures")


@pytest.fixture(autouse=True)
def greedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    (tmp_path / "greedy.py").write_text(GREEDY)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.mark.parametrize("error", ["cuda", "host", "python"])
@pytest.mark.parametrize(("before", "fits", "after"), [(1, 4, 2), (1, 2, 4), (2, 2, 4)])
def test_a_training_that_runs_out_at_once_is_the_one_with_smaller_micro_batches_bit_for_bit(
    before: int, fits: int, after: int, error: str, pictures: Path, greedy: pytest.MonkeyPatch, tmp_path: Path
):
    wanted = train_small(pictures, tmp_path / "wanted", **CHANGES | {"train.accumulate": after, "data.mixup": 0.0})
    greedy.setenv("SIGHTLINE_TEST_FITS", f"{fits} {error}")
    got = train_small(pictures, tmp_path / "got", **CHANGES | {"train.accumulate": before, "data.mixup": 0.0})
    assert got.weights_sha256 == wanted.weights_sha256
    assert timeless(tmp_path / "got") == timeless(tmp_path / "wanted")


def test_later_on_no_step_is_lost_and_the_batches_stay(pictures: Path, greedy: pytest.MonkeyPatch, tmp_path: Path):
    plain = CHANGES | {"data.mixup": 0.0}
    train_small(pictures, tmp_path / "whole", **plain)
    greedy.setenv("SIGHTLINE_TEST_FITS", "4")
    greedy.setenv("SIGHTLINE_TEST_FROM", "5")
    train_small(pictures, tmp_path / "run", **plain)
    whole, run = (timeless(tmp_path / name, "step") for name in ("whole", "run"))
    assert run[:5] == whole[:5] and run[5]["loss"] != whole[5]["loss"]
    assert steps_of(tmp_path / "run") == list(range(1, 9))
    assert [one["images"] for one in run] == [one["images"] for one in whole]
    ours, theirs = (weights_of(tmp_path / name)["net.3.weight"] for name in ("run", "whole"))
    assert 0 < float((ours - theirs).abs().max()) < 0.01
    (note,) = [one for one in Run(tmp_path / "run").read_records() if one["kind"] == "note"]
    assert note["step"] == 6 and note["text"] == (
        "memory ran out at step 6 with micro-batches of 7 images; from this step on each has 4 at most, "
        "and the batches stay what they are"
    )


def test_a_resumed_training_goes_on_with_the_small_ones_and_exactly(
    pictures: Path, greedy: pytest.MonkeyPatch, tmp_path: Path
):
    greedy.setenv("SIGHTLINE_TEST_FITS", "4")
    greedy.setenv("SIGHTLINE_TEST_FROM", "5")
    whole = train_small(pictures, tmp_path / "run", **CHANGES)
    records = timeless(tmp_path / "run", "step", "eval", "save", "note")
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    assert [checkpoints.load(entry)["state"]["pieces"] for entry in checkpoints.entries()[-2:]] == [2, 2]
    greedy.setenv("SIGHTLINE_TEST_FITS", "99")  # with memory to spare it still does what it did
    assert resume(tmp_path / "run", start_from="step-00000006.pt").weights_sha256 == whole.weights_sha256
    assert timeless(tmp_path / "run", "step", "eval", "save", "note") == records


def test_one_image_that_does_not_fit_ends_the_training_with_the_reason(
    pictures: Path, greedy: pytest.MonkeyPatch, tmp_path: Path
):
    greedy.setenv("SIGHTLINE_TEST_FITS", "0")
    greedy.setenv("SIGHTLINE_TEST_FROM", "3")
    with pytest.raises(OutOfMemoryError, match=r"memory ran out at step 4 with micro-batches of 1 image\n") as caught:
        train_small(pictures, tmp_path / "run", **CHANGES | {"data.mixup": 0.0})
    assert "smaller images" in str(caught.value.hint)


def test_another_error_of_the_network_is_not_taken_for_a_shortage(
    pictures: Path, greedy: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "greedy.py").write_text(GREEDY.replace('torch.OutOfMemoryError("CUDA out of memory.")', "RuntimeError"))
    greedy.setenv("SIGHTLINE_TEST_FITS", "4")
    greedy.setenv("SIGHTLINE_TEST_FROM", "3")
    with pytest.raises(RuntimeError):
        train_small(pictures, tmp_path / "run", **CHANGES)
