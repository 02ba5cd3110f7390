"""Micro-batches by the memory there is, and what a training says it took."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sightline import report
from sightline.config_file import load_resolved
from sightline.errors import ConfigError
from sightline.run import Run
from sightline.training.usage import counting
from small_training import timeless, train_small, write_pictures

STEPS: dict[str, Any] = {"train.steps": 2, "model.options": {"width": 16, "norm": "none"}}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("budget") / "pictures")


def accumulated(data: Path, run: Path, **changes: Any) -> tuple[int, str]:
    """The micro-batches of a step that were chosen, and why."""
    train_small(data, run, **STEPS | {"train.batch_size": 20} | changes)
    chosen = load_resolved(Run(run).config).train.accumulate
    assert isinstance(chosen, int)
    return chosen, Run(run).info()["origins"].get("train.accumulate", "")


def test_a_batch_that_fits_is_computed_as_a_whole(tmp_path: Path, pictures: Path):
    chosen, reason = accumulated(pictures, tmp_path / "run")
    assert chosen == 1
    assert reason.startswith("auto: 20 images at a time take 0.0") and reason.endswith("GiB that are free")


def test_with_less_memory_the_batch_is_divided_and_the_step_stays_the_same(tmp_path: Path, pictures: Path):
    whole = timeless(tmp_path / "run") if accumulated(pictures, tmp_path / "run") else []
    found = []
    for place, gib in enumerate((0.02, 0.0046, 0.0039)):
        run = tmp_path / str(place)
        chosen, reason = accumulated(pictures, run, **{"train.memory": gib})
        assert f"{-(-20 // chosen)} image" in reason and reason.endswith(f"of train.memory={gib}")
        assert [one["loss"] for one in timeless(run, "step")] == pytest.approx(
            [one["loss"] for one in whole if one["kind"] == "step"], abs=1e-6
        )
        found.append(chosen)
    assert found == sorted(found) and found[-1] > 1


def test_recomputing_lets_more_images_fit(tmp_path: Path, pictures: Path):
    gib = {"train.memory": 0.0039}
    plain, _ = accumulated(pictures, tmp_path / "plain", **gib)
    less, _ = accumulated(pictures, tmp_path / "again", **gib, **{"train.recompute": "all"})
    assert less < plain


def test_what_cannot_fit_is_refused_before_anything_is_written(tmp_path: Path, pictures: Path):
    with pytest.raises(ConfigError, match=r"not even one image at a time fits into memory") as caught:
        accumulated(pictures, tmp_path / "run", **{"train.memory": 0.0001})
    assert "of train.memory=0.0001" in str(caught.value) and not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match=r"10 images at a time do not fit into memory \(train\.memory\)"):
        accumulated(pictures, tmp_path / "run", **{"train.memory": 0.0039, "train.accumulate": 2})
    chosen, origin = accumulated(pictures, tmp_path / "run", **{"train.memory": 1, "train.accumulate": 2})
    assert (chosen, origin) == (2, "flag")


def test_activations_are_counted_once_and_weights_are_not():
    module = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 2))
    images = torch.randn(5, 3, 4, 4)
    with counting(module) as kept:
        module(images)
    hidden = 5 * 8 * 4 * 4  # kept by the ReLU and, the same storage, by the linear layer
    assert kept.bytes == 4 * (images.numel() + hidden)


def test_a_training_says_what_memory_it_took(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str], told: Callable[[], list[str]]
):
    train_small(pictures, tmp_path / "run", **STEPS, **{"train.ema": 0.9, "train.freeze": "1st"})
    memory = Run(tmp_path / "run").info()["memory"]
    weights = 4 * Run(tmp_path / "run").info()["parameters"]
    assert (memory["weights"], memory["gradients"], memory["average"]) == (weights, weights, weights)
    assert 2 * weights <= memory["optimizer"] < 2 * weights + 1000
    assert 1000 < memory["activations"] < memory["peak"] and memory["reserved"] is None
    (line,) = [text for text in told() if text.startswith("memory: ")]
    assert "at the peak; weights" in line and "activations of a micro-batch" in line
    page = report(tmp_path / "run").read_text()
    assert "State of the optimizer" in page and f"{memory['peak'] / 2**20:,.1f} MiB" in page


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Gives the notes that were told."""
    notes: list[str] = []
    monkeypatch.setattr("sightline.workflow.say.Say.note", lambda _, text: notes.append(text))
    return lambda: notes
