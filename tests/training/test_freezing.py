"""What is frozen when, by the settings; in trainings, what moves and what does not."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from sightline.errors import ConfigError, ModelError
from sightline.model.build import Built, build
from sightline.model.freeze import backbone_of
from sightline.model.stages import stages_of
from sightline.training.checkpoint import Checkpoints
from sightline.training.config import FreezingConfig, ScheduleConfig, TrainConfig
from sightline.training.freezing import make_freezing
from sightline.training.schedules import Clock, make_schedule, rate_of
from small_training import train_small, write_pictures

CLOCK = Clock(per_epoch=10, warmup=0, total=100)


@pytest.fixture(scope="module")
def built() -> Built:
    return build("cnn", 3, 1, {"width": 4})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("frozen") / "pictures")


def freezing(built: Built, freeze: str, **more: Any):
    return make_freezing(built, TrainConfig(freeze=freeze, freezing=FreezingConfig(**more)), CLOCK)


def stages(built: Built, *places: int) -> frozenset[str]:
    return frozenset().union(*(stages_of(built)[place].parameters for place in places))


def test_all_but_the_head_for_so_long(built: Built):
    plan = freezing(built, "3ep")
    assert plan.at(0) == plan.at(29) == backbone_of(built)
    assert plan.at(30) == plan.at(99) == frozenset()
    assert plan.at(0) is plan.at(29) and plan.at(30) is plan.at(99)


def test_nothing_and_always(built: Built):
    assert freezing(built, "0ep").at(0) == frozenset()
    assert freezing(built, "100%").at(99) == backbone_of(built)


@pytest.mark.parametrize(
    ("what", "places"), [("first:1", [0]), ("first:3", [0, 1, 2]), ("last:1", [4]), ("last:4", [1, 2, 3, 4])]
)
def test_the_first_and_last_stages(what: str, places: list[int], built: Built):
    assert freezing(built, "3ep", what=what).at(0) == stages(built, *places)


def test_by_patterns_of_names(built: Built):
    frozen = freezing(built, "3ep", what=("stage[12].*", "*.bias")).at(0)
    names = [name for name, _ in built.module.named_parameters()]
    assert frozen == {name for name in names if name.startswith(("stage1.", "stage2.")) or name.endswith(".bias")}


def test_stage_by_stage_from_the_head_down(built: Built):
    plan = freezing(built, "2ep", gradual="15st")
    expected = {0: [0, 1, 2, 3], 19: [0, 1, 2, 3], 20: [0, 1, 2], 34: [0, 1, 2], 35: [0, 1], 50: [0], 65: [], 99: []}
    assert {step: plan.at(step) for step in expected} == {step: stages(built, *own) for step, own in expected.items()}


@pytest.mark.parametrize(
    ("freeze", "more", "message"),
    [
        ("0.01ep", {}, "train.freeze is shorter than a step"),
        ("3ep", {"what": ("stem",)}, r"'stem' matches no parameter's name .*\n.*\n  next: did you mean 'stem\.\*'"),
        ("3ep", {"what": ("stam.*",)}, r"'stam\.\*' matches no parameter's name .*\n.*\n  next: did you mean 'stem\."),
        ("3ep", {"what": ("*",)}, r"nothing would be left to train \(train\.freezing\.what\)"),
        ("3ep", {"what": ()}, r"nothing is named to be frozen"),
        ("3ep", {"what": "first:5"}, r"5 stages, .*\n  got: first:5\n  allowed: first:1 to first:4\n.*stem; stage1; "),
        ("3ep", {"what": "last:5"}, "the model has 5 stages"),
        ("100%", {"gradual": "1ep"}, r"not stage by stage \(train\.freezing\.gradual\)"),
        ("3ep", {"gradual": "3ep", "what": "first:1"}, "a single stage cannot be let go stage by stage"),
        ("3ep", {"gradual": "25st"}, "1 of 4 frozen stages would never be let go"),
    ],
)
def test_what_cannot_be_frozen_so_is_refused(freeze: str, more: dict[str, Any], message: str, built: Built):
    with pytest.raises(ConfigError, match=message):
        freezing(built, freeze, **more)


def test_a_model_without_a_known_head_needs_to_be_told_what_to_freeze():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Conv2d(4, 3, 3))
    names = [name for name, _ in module.named_parameters()]
    own = Built(module, frozenset(), {name: int(name[0]) for name in names})
    with pytest.raises(ModelError, match="the head of this model is not known"):
        freezing(own, "1ep")
    assert freezing(own, "1ep", what="first:1").at(0) == {"0.weight", "0.bias"}


def test_the_schedule_begins_where_freezing_ends():
    config = TrainConfig(
        freeze="2ep", freezing=FreezingConfig(lr_while=0.5), lr=0.1, schedule=ScheduleConfig(warmup="10%")
    )
    lr = rate_of(config, CLOCK)
    schedule = make_schedule(config.schedule, 0.1, Clock(10, 8, 80))
    assert [lr(step) for step in range(20)] == [0.5] * 20
    assert [lr(step) for step in range(20, 100)] == [schedule(step) for step in range(80)]
    assert max(lr(step) for step in range(20, 100)) == 0.1


def test_a_rate_of_its_own_for_what_is_never_let_go_is_refused():
    config = TrainConfig(freeze="100%", freezing=FreezingConfig(lr_while=0.5), lr=0.1)
    with pytest.raises(ConfigError, match=r"train\.lr would never come .*\n.*\n  next: set train\.lr=0\.5 alone"):
        rate_of(config, CLOCK)


SETTINGS: dict[str, Any] = {
    "model.options": {"width": 4, "norm": "batch"},
    "train.save": "1st",
    "train.schedule.name": "constant",
    "train.lr": 0.05,
}


def test_stage_after_stage_begins_to_move_its_batch_statistics_with_it(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sightline.training.checkpoint.KEPT", 20)
    train_small(pictures, tmp_path, **SETTINGS, **{"train.freeze": "2st", "train.freezing.gradual": "2st"})
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    weights = [checkpoints.load(entry)["model"] for entry in checkpoints.entries()]
    moving = [
        {name.split(".")[0] for name in one if not torch.equal(one[name], next_[name])}
        for one, next_ in itertools.pairwise(weights)
    ]
    order = ["head", "stage3", "stage2", "stage1", "stem"]
    assert moving == [set(order[: 1 + step // 2]) for step in range(1, 10)] + 4 * [set(order)]


def test_what_never_learns_has_no_memory_in_the_optimizer(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path, **SETTINGS, **{"train.freeze": "100%", "train.freezing.what": "first:3"})
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    content = checkpoints.load(checkpoints.named("last"))
    parameters = [name for name in content["model"] if "running" not in name and "num_" not in name]
    frozen = [name for name in parameters if name.startswith(("stem", "stage1", "stage2"))]
    assert len(content["optimizer"]["state"]) == len(parameters) - len(frozen)
