"""Two processes that train together do what one does, and count every image once."""

import json
from pathlib import Path
from typing import Any

import pytest

from ranks import Ranks, on_ranks
from sightline import evaluate
from sightline.run import Run
from small_targets import write_lights, write_shapes
from small_training import (
    apart,
    steps_of,
    timeless,
    train_small,
    words,
    write_pictures,
    write_weighted_csv,
)

CHANGES: dict[str, Any] = {
    "train.batch_size": 7,
    "train.accumulate": 2,
    "train.clip": 1.0,
    "train.freeze": "2st",
    "train.steps": 9,
    "data.augment": "light",
}
"""Seven or six images a step: four and three, or three each, in two micro-batches; and nine images for validation."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """One run by one process, one by two, and what the two printed."""
    folder = tmp_path_factory.mktemp("distributed")
    data = write_pictures(folder / "pictures")
    train_small(data, folder / "one", **CHANGES)
    done = on_ranks("train", str(data), "--run", str(folder / "two"), *words(**CHANGES), world=2)
    return folder / "one", folder / "two", done.out()


@pytest.mark.slow
def test_two_ranks_reach_the_weights_of_one(pair: tuple[Path, Path, str]):
    one, two, _ = pair
    assert apart(one, two) <= 1e-5


@pytest.mark.slow
def test_two_ranks_count_every_image_once(pair: tuple[Path, Path, str]):
    one, two, _ = pair
    for alone, together in zip(timeless(one), timeless(two), strict=True):
        assert alone.keys() == together.keys()
        rounded = {key for key in alone if "loss" in key} | ({"grad_norm"} & set(alone))
        for key in set(alone) - rounded:
            assert together[key] == alone[key], (key, alone)
        for key in rounded:
            assert together[key] == pytest.approx(alone[key], abs=1e-5)
    assert steps_of(two) == list(range(1, 10))
    size = len([line for line in Run(two).split.read_text().splitlines() if ",val," in line])
    assert size % 2 == 1
    last = timeless(two, "eval")[-1]
    assert last["val_accuracy"] == evaluate(two, part="val", checkpoint="last")["accuracy"]["value"]


@pytest.mark.slow
def test_two_ranks_speak_with_one_voice_and_write_one_run(pair: tuple[Path, Path, str]):
    one, two, printed = pair
    info = Run(two).info()
    assert printed.splitlines() == [f"run {two}", f"weights_sha256 {info['weights_sha256']}"]
    assert Run(one).split.read_bytes() == Run(two).split.read_bytes()
    assert json.loads(Run(two).contract.read_text()) == json.loads(Run(one).contract.read_text())


@pytest.mark.slow
def test_two_ranks_resume_exactly(pair: tuple[Path, Path, str]):
    _, two, printed = pair
    before = timeless(two, "step", "eval", "save")
    earlier = min((two / "checkpoints").glob("step-*.pt")).name
    done = on_ranks("resume", str(two), "--from", earlier, world=2)
    assert f"({earlier})" in done.told()
    assert done.out() == printed
    assert timeless(two, "step", "eval", "save") == before


WEIGHED: dict[str, dict[str, Any]] = {
    "weights of classes and samples": {"train.loss.class_weights": "inverse"},
    "every class equally often": {"data.sampler": "classes", "train.loss.name": "focal"},
    "samples by their weights": {"data.sampler": "weights", "train.loss.class_weights": {"ant": 2.0}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHED)
def test_two_ranks_weigh_and_draw_as_one(name: str, tmp_path: Path):
    table = write_weighted_csv(write_pictures(tmp_path / "pictures"), tmp_path / "weighted.csv")
    changes = CHANGES | WEIGHED[name]
    train_small(table, tmp_path / "one", **changes)
    on_ranks("train", str(table), "--run", str(tmp_path / "two"), *words(**changes), world=2)
    assert apart(tmp_path / "one", tmp_path / "two") <= 1e-5


LEVERS: dict[str, dict[str, Any]] = {
    "uphill, penalized and disturbed": {
        "train.sam.rho": 0.1,
        "train.l1": 1e-3,
        "train.orthogonal": 1e-2,
        "train.noise": {"weights": 0.01, "gradients": 1e-3},
        "train.freeze": "0ep",
    },
    "thawed stage by stage, averaged at the end": {"train.freezing.gradual": "1st", "train.swa": "3st"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEVERS)
def test_two_ranks_regularize_as_one(name: str, tmp_path: Path):
    data = write_pictures(tmp_path / "pictures")
    changes = CHANGES | LEVERS[name]
    train_small(data, tmp_path / "one", **changes)
    on_ranks("train", str(data), "--run", str(tmp_path / "two"), *words(**changes), world=2)
    assert apart(tmp_path / "one", tmp_path / "two") <= 1e-5
    for alone, together in zip(timeless(tmp_path / "one"), timeless(tmp_path / "two"), strict=True):
        loss = "loss" if alone["kind"] == "step" else "val_loss"
        assert together[loss] == pytest.approx(alone[loss], abs=1e-5)


@pytest.mark.slow
def test_two_ranks_mix_repeatably(tmp_path: Path):
    data = write_pictures(tmp_path / "pictures")
    changes = CHANGES | {"train.accumulate": 1, "data.mixup": 0.4, "data.cutmix": 1.0}
    for name in ("first", "again"):
        on_ranks("train", str(data), "--run", str(tmp_path / name), *words(**changes), world=2)
    assert apart(tmp_path / "first", tmp_path / "again") == 0


@pytest.mark.slow
def test_more_ranks_and_micro_batches_than_images_are_refused(tmp_path: Path):
    data = write_pictures(tmp_path / "pictures")
    done = Ranks("train", str(data), "--run", str(tmp_path / "run"), *words(**{"train.accumulate": 4}), world=2)
    assert 0 not in done.wait()
    assert "a batch has fewer samples than there are ranks and micro-batches" in done.told()
    assert "6 samples for 2 ranks x 4 micro-batches" in done.told()
    assert not (tmp_path / "run").exists()


TARGETS: dict[str, dict[str, Any]] = {
    "shapes": {"task.name": "multilabel", "train.loss.class_weights": "inverse"},
    "lights": {"task.name": "regression", "data.targets": ["brightness", "width"], "train.loss.name": "huber"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_two_ranks_learn_labels_and_numbers_as_one(name: str, tmp_path: Path):
    table = {"shapes": write_shapes, "lights": write_lights}[name](tmp_path)
    changes = CHANGES | TARGETS[name]
    train_small(table, tmp_path / "one", **changes)
    on_ranks("train", str(table), "--run", str(tmp_path / "two"), *words(**changes), world=2)
    assert apart(tmp_path / "one", tmp_path / "two") <= 1e-5
    figure = {"shapes": "jaccard", "lights": "mae"}[name]
    for alone, together in zip(timeless(tmp_path / "one"), timeless(tmp_path / "two"), strict=True):
        for key in {figure, f"val_{figure}", "loss", "val_loss"} & set(alone):
            assert together[key] == pytest.approx(alone[key], rel=1e-5, abs=1e-6)
    last = timeless(tmp_path / "two", "eval")[-1]
    found = evaluate(tmp_path / "two", part="val", checkpoint="last")[figure]["value"]
    assert last[f"val_{figure}"] == pytest.approx(found, rel=1e-6)


@pytest.mark.slow
def test_triplets_are_refused_in_two_ranks(tmp_path: Path):
    data = write_pictures(tmp_path / "pictures")
    changes = {"train.loss.name": "triplet"}
    done = Ranks("train", str(data), "--run", str(tmp_path / "run"), *words(**changes), world=2)
    assert 0 not in done.wait()
    assert "a loss that compares the samples of a whole batch cannot be computed in pieces" in done.told()
    assert "2 processes x 1 micro-batches" in done.told()


AUXILIARY = """
from torch import nn


class Net(nn.Module):
    def __init__(self, classes, channels):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.auxiliary = nn.Linear(24, classes)
        self.head = nn.Linear(24, classes)

    def forward(self, images):
        return self.head(self.body(images))


def net(num_classes, in_chans):
    return Net(num_classes, in_chans)
"""


@pytest.mark.slow
def test_three_ranks_resume_exactly_a_network_of_which_a_part_is_never_called(tmp_path: Path, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    Path("auxiliary.py").write_text(AUXILIARY)
    data = write_pictures(tmp_path / "pictures")
    own = {"model.name": "auxiliary:net", "model.options": None, "train.steps": 6, "train.save": "2st"}
    on_ranks("train", str(data), "--run", "run", *words(**own), world=3)
    before = Run(Path("run")).info()["weights_sha256"]
    earlier = min(Path("run/checkpoints").glob("step-*.pt")).name
    on_ranks("resume", "run", "--from", earlier, world=3)
    assert Run(Path("run")).info()["weights_sha256"] == before
