"""torch.compile: told, left out where it fails, and without a trace in names, exactness and statistics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sightline import Say, resume
from sightline.run import Run
from sightline.training.compiling import Compiled
from small_training import apart, timeless, train_small, weights_of, write_pictures

NET = """
from torch import nn


def net(num_classes, in_chans):
    return nn.Sequential(nn.Flatten(), nn.Linear(432, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, num_classes))
"""
ON: dict[str, Any] = {"model.name": "net:net", "model.options": {}, "train.compile": "default"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("compiled") / "pictures")


@pytest.fixture
def graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Everything of torch.compile but the making of kernels, which takes half a minute: the graphs run as they are.

    Gives the shape of the images in each call of a compiled network.
    """
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    real, calls = torch.compile, list[tuple[int, ...]]()

    def compiled(module: nn.Module, *, mode: str, dynamic: bool) -> Callable[[torch.Tensor], Any]:
        assert mode == "default" and not dynamic
        call = real(module, backend="aot_eager", dynamic=dynamic)
        return lambda images: (calls.append(tuple(images.shape)), call(images))[1]

    monkeypatch.setattr(torch, "compile", compiled)
    return calls


def test_a_compiled_training_has_the_names_and_the_weights_of_one_that_is_not(
    tmp_path: Path, pictures: Path, graphs: list[tuple[int, ...]]
):
    plain = train_small(pictures, tmp_path / "plain", **ON | {"train.compile": "off"})
    assert not graphs
    train_small(pictures, tmp_path / "run", **ON)
    assert {shape[0] for shape in graphs} == {6, 7} and len(graphs) == 14 + 2  # each size once more, to make it
    assert apart(tmp_path / "plain", tmp_path / "run") < 1e-6
    assert list(weights_of(tmp_path / "run")) == list(weights_of(plain.run.folder))


def test_a_compiled_training_resumes_exactly_across_a_change_of_what_learns(
    tmp_path: Path, pictures: Path, graphs: list[tuple[int, ...]]
):
    changes = ON | {"train.freeze": "6st", "train.accumulate": 2, "train.save": "1st"}
    whole = train_small(pictures, tmp_path / "run", **changes)
    steps = timeless(tmp_path / "run")
    graphs.clear()
    for step in (13, 12):
        resumed = resume(tmp_path / "run", start_from=f"step-{step:08d}.pt")
        assert resumed.weights_sha256 == whole.weights_sha256
        assert timeless(tmp_path / "run") == steps
    assert graphs


def test_a_compiled_training_is_looked_at_beside_it_and_stays_the_same(
    tmp_path: Path, pictures: Path, graphs: list[tuple[int, ...]]
):
    watched = {"train.steps": 4, "train.clip": 1.0, "watch.every": 2}
    one = train_small(pictures, tmp_path / "watched", **ON | watched)
    other = train_small(pictures, tmp_path / "alone", **ON | watched | {"watch.every": 0})
    train_small(pictures, tmp_path / "plain", **ON | watched | {"train.compile": "off"})
    assert one.weights_sha256 == other.weights_sha256
    found, plain = (
        [record for record in Run(tmp_path / name).read_records() if record["kind"] == "look"]
        for name in ("watched", "plain")
    )
    assert [look["step"] for look in found] == [1, 2, 4]
    for ours, theirs in zip(found, plain, strict=True):
        assert ours["layers"] == theirs["layers"] == ["1", "2", "3", "4"]
        for row, expected in zip(ours["table"], theirs["table"], strict=True):
            assert row == [None if value is None else pytest.approx(value, rel=1e-4, abs=1e-6) for value in expected]
    assert graphs


def test_the_time_is_told_for_each_size_of_batch(graphs: list[tuple[int, ...]]):
    told: list[str] = []
    net = Compiled(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), "default", told.append)
    for count in (3, 5, 3):
        net(torch.randn(count, 3, 2, 2)).sum().backward()
    assert [line.partition(" s ")[2] for line in told] == [
        "for batches of 3 images of 2 x 2",
        "for batches of 5 images of 2 x 2",
    ]
    assert len(graphs) == 5


def test_making_kernels_leaves_no_trace_in_the_network(graphs: list[tuple[int, ...]]):
    module = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(12, 2))
    net, images = Compiled(module, "default", lambda _: None), torch.randn(4, 3, 2, 2)
    gradient = torch.ones_like(module[3].weight)
    module[3].weight.grad = gradient.clone()
    torch.manual_seed(0)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    net._make(images)
    assert len(graphs) == 1
    assert torch.equal(torch.rand(1), drawn)
    assert module[0].num_batches_tracked == 0 and torch.equal(module[0].running_mean, torch.zeros(3))
    assert torch.equal(module[3].weight.grad, gradient) and module[3].bias.grad is None


def test_without_a_compiler_it_trains_as_it_is_and_says_so(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nowhere/compiler",))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
    told: list[str] = []
    monkeypatch.setattr(Say, "note", lambda _, text: told.append(text))
    trained = train_small(pictures, tmp_path / "run", **ON)
    plain = train_small(pictures, tmp_path / "plain", **ON | {"train.compile": "off"})
    assert trained.weights_sha256 == plain.weights_sha256
    (line,) = [text for text in told if text.startswith("torch.compile")]
    assert line.startswith("torch.compile fails on this network or machine, going on without it (")
    assert "InvalidCxxCompiler" in line
