"""Micro-batches save memory and change nothing else: the accumulated step is the step of the whole batch."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sightline.config import RunConfig
from sightline.config_file import load_resolved
from sightline.data.order import batch_bounds, epoch_order, steps_per_epoch
from sightline.model.build import build
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.workflow.evaluate import run_samples
from sightline.workflow.trained import open_trained
from small_training import apart, timeless, train_small, write_pictures, write_weighted_csv

SGD = {"train.optimizer.name": "sgd", "train.lr": 0.1, "train.schedule.warmup": "0st", "data.augment": "none"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("accumulated") / "pictures")


@pytest.mark.parametrize("norm", ["none", "group"])
@pytest.mark.parametrize("accumulate", [2, 3, 6])
def test_an_accumulated_step_is_the_step_of_the_whole_batch(norm: str, accumulate: int, tmp_path: Path, pictures: Path):
    options = {"width": 4, "norm": norm}
    changes = SGD | {"model.options": options, "train.clip": 0.5, "train.steps": 3}
    for name, parts in (("whole", 1), ("parts", accumulate)):
        train_small(pictures, tmp_path / name, **changes, **{"train.accumulate": parts})
    assert apart(tmp_path / "whole", tmp_path / "parts") <= 1e-6
    whole, parts = (timeless(tmp_path / name, "step") for name in ("whole", "parts"))
    assert [step["images"] for step in parts] == [step["images"] for step in whole]
    assert [step["accuracy"] for step in parts] == [step["accuracy"] for step in whole]
    assert [step["loss"] for step in parts] == pytest.approx([step["loss"] for step in whole], abs=1e-6)
    assert [step["grad_norm"] for step in parts] == pytest.approx([step["grad_norm"] for step in whole], abs=1e-5)


WEIGHED: dict[str, dict[str, Any]] = {
    "weights of classes and samples": {"train.loss.class_weights": "inverse"},
    "focal, every class equally often": {"data.sampler": "classes", "train.loss.name": "focal"},
    "samples by their weights": {"data.sampler": "weights", "train.loss.class_weights": {"ant": 2.0}},
}


@pytest.mark.parametrize("name", WEIGHED)
def test_an_accumulated_step_weighs_as_that_of_the_whole_batch(name: str, tmp_path: Path, pictures: Path):
    table = write_weighted_csv(pictures, tmp_path / "weighted.csv")
    changes = SGD | WEIGHED[name] | {"train.steps": 3}
    for run, parts in (("whole", 1), ("parts", 3)):
        train_small(table, tmp_path / run, **changes, **{"train.accumulate": parts})
    assert apart(tmp_path / "whole", tmp_path / "parts") <= 1e-6
    whole, parts = (timeless(tmp_path / run, "step") for run in ("whole", "parts"))
    assert [step["loss"] for step in parts] == pytest.approx([step["loss"] for step in whole], abs=1e-6)
    assert [step["accuracy"] for step in parts] == [step["accuracy"] for step in whole]


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_weights_are_those_that_torch_itself_reaches(accumulate: int, tmp_path: Path, pictures: Path):
    """The same batches through ``torch.optim.SGD`` in a loop of five lines give the same network."""
    changes = SGD | {"train.schedule.name": "constant", "train.steps": 8, "train.accumulate": accumulate}
    train_small(pictures, tmp_path / "run", **changes, **{"train.optimizer.weight_decay": 0.0})
    run = Run(tmp_path / "run")
    config, trained = load_resolved(run.config), open_trained(run, "last")

    model = _fresh(config, len(trained.contract.classes))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    for images, targets in _batches(run, config, 8):
        optimizer.zero_grad()
        loss_of(model(images), targets).backward()
        optimizer.step()

    checkpoints = Checkpoints(run.checkpoints)
    reached = checkpoints.load(checkpoints.named("last"))["model"]
    assert max(float((reached[name] - value).abs().max()) for name, value in model.state_dict().items()) <= 1e-5


def _fresh(config: RunConfig, classes: int) -> torch.nn.Module:
    torch.manual_seed(config.seed)
    return build(config.model.name, classes, 3, dict(config.model.options)).module.train()


def _batches(run: Run, config: RunConfig, steps: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    samples, contract = run_samples(run), open_trained(run).contract
    train = samples.part("train")
    size = int(config.train.batch_size)
    per_epoch = steps_per_epoch(len(train), size)
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for step in range(steps):
        epoch, place = divmod(step, per_epoch)
        begin, end = batch_bounds(len(train), size, place)
        chosen = train[epoch_order(config.seed, epoch, len(train))][begin:end]
        pixels = [contract.read(samples.root / samples.paths[int(index)]) for index in chosen]
        images = torch.stack([torch.from_numpy(contract.scaled(image[None])[0].copy()) for image in pixels])
        found.append((images, torch.from_numpy(samples.labels[chosen].astype("int64"))))
    return found
