"""A network in shards, in groups of shards, or layer by layer learns what it learns whole."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ranks import Ranks, on_ranks
from sightline import evaluate, resume
from sightline.errors import ConfigError
from sightline.model.blocks import blocks_of
from sightline.model.build import build
from sightline.run import Run
from sightline.training.parallel import Parallel, shares
from small_training import apart, steps_of, timeless, train_small, words, write_pictures

CHANGES: dict[str, Any] = {
    "train.batch_size": 16,
    "train.accumulate": 2,
    "train.clip": 1.0,
    "train.freeze": "2st",
    "train.ema": 0.9,
    "train.steps": 8,
    "data.augment": "light",
    "data.val": 9,
}
"""Two micro-batches of six or seven images; nine images for validation, which neither two nor four ranks divide."""
KINDS: dict[str, tuple[int, dict[str, Any]]] = {
    "ddp": (4, {}),
    "fsdp": (2, {"train.distributed.kind": "fsdp"}),
    "fsdp of four": (4, {"train.distributed.kind": "fsdp", "train.checkpoint": "sharded"}),
    "hybrid": (4, {"train.distributed.kind": "hybrid", "train.distributed.shard": 2}),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("parallel") / "pictures")


@pytest.fixture(scope="module")
def alone(pictures: Path) -> Path:
    """The run of one process."""
    train_small(pictures, pictures.parent / "alone", **CHANGES)
    return pictures.parent / "alone"


@pytest.fixture(scope="module")
def fsdp(pictures: Path) -> Path:
    """The run of two ranks with shards."""
    world, changes = KINDS["fsdp"]
    run = pictures.parent / "fsdp"
    on_ranks("train", str(pictures), "--run", str(run), *words(**CHANGES | changes), world=world)
    return run


def same_but_for_rounding(one: Path, other: Path) -> None:
    """Weights and curves within 1e-5; what is counted, exactly."""
    assert apart(one, other) <= 1e-5
    for alone, together in zip(timeless(one), timeless(other), strict=True):
        for key, value in alone.items():
            rounded = "loss" in key or key == "grad_norm"
            assert together[key] == (pytest.approx(value, abs=1e-5) if rounded else value), (key, alone)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "fsdp"])
def test_ranks_in_any_arrangement_do_what_one_process_does(kind: str, tmp_path: Path, pictures: Path, alone: Path):
    world, changes = KINDS[kind]
    run = tmp_path / "run"
    ranks = on_ranks("train", str(pictures), "--run", str(run), *words(**CHANGES | changes), world=world)
    same_but_for_rounding(alone, run)
    assert ranks.out().splitlines() == [f"run {run}", f"weights_sha256 {Run(run).info()['weights_sha256']}"]
    assert not any(ranks.told(rank) for rank in range(1, world))


@pytest.mark.slow
def test_shards_do_what_one_process_does_and_the_run_is_evaluated_by_one(alone: Path, fsdp: Path):
    same_but_for_rounding(alone, fsdp)
    last = timeless(fsdp, "eval")[-1]
    assert last["val_accuracy"] == evaluate(fsdp, part="val", checkpoint="last")["accuracy"]["value"]


@pytest.mark.slow
def test_a_run_goes_on_with_any_number_of_processes_and_sees_the_same_samples(tmp_path: Path, fsdp: Path):
    earlier = min((fsdp / "checkpoints").glob("step-*.pt")).name
    sha256 = Run(fsdp).info()["weights_sha256"]
    for world in (1, 2, 4):
        run = tmp_path / str(world)
        shutil.copytree(fsdp, run)
        if world == 1:
            resume(run, start_from=earlier)
        else:
            on_ranks("resume", str(run), "--from", earlier, world=world)
        same_but_for_rounding(fsdp, run)
        assert steps_of(run) == list(range(1, 9))
        assert (Run(run).info()["weights_sha256"] == sha256) == (world == 2), "bit for bit with as many processes"


def test_layers_on_several_devices_give_the_weights_of_one(tmp_path: Path, pictures: Path, alone: Path):
    devices = {"train.distributed.kind": "layers", "train.distributed.devices": ["cpu", "cpu"]}
    train_small(pictures, tmp_path / "run", **CHANGES | devices)
    assert apart(alone, tmp_path / "run") == 0
    assert timeless(alone) == timeless(tmp_path / "run")


def test_inputs_go_to_where_a_block_is_and_outputs_come_back():
    """A device that holds no numbers shows where each layer computed."""
    built = build("cnn", 3, 3, {"width": 4, "norm": "group"})
    Parallel("layers", [torch.device("meta"), torch.device("meta")]).place(built.module, torch.contiguous_format)
    assert {parameter.device.type for parameter in built.module.parameters()} == {"meta"}
    built = build("cnn", 3, 3, {"width": 4, "norm": "group"})
    Parallel("layers", [torch.device("cpu"), torch.device("meta")]).place(built.module, torch.contiguous_format)
    places = [next(block.parameters()).device.type for _, block in blocks_of(built.module)]
    assert places[0] == "cpu" and places[-1] == "meta" and places == sorted(places)
    seen: list[str] = []
    for _, block in blocks_of(built.module):
        block.register_forward_hook(lambda _, inputs, output: seen.append(f"{inputs[0].device} {output.device}"))
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):  # back to the first device
        built.module(torch.zeros(2, 3, 12, 12))
    assert seen == [f"{place} {place}" for place in places]


def test_devices_get_shares_by_the_bytes_of_the_blocks():
    devices = [torch.device("cpu", place) for place in range(3)]
    blocks = [(str(size), nn.Linear(size, 1, bias=False)) for size in (10, 10, 10, 30, 5, 25)]
    assert [device.index for device in shares(blocks, devices)] == [0, 0, 0, 1, 2, 2]
    assert [device.index for device in shares(blocks[:3], devices)] == [0, 1, 2]
    with pytest.raises(ConfigError, match="fewer blocks than there are devices"):
        shares(blocks[:2], devices)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("resnet18", "conv1", "fc"),
        ("vit_tiny_patch16_224", "patch_embed", "head"),
        ("efficientnet_b0", "conv_stem", "classifier"),
    ],
)
def test_blocks_are_the_parts_that_authors_repeat(name: str, first: str, last: str):
    built = build(name, 3, 3, {}, size=224)
    names = [block for block, _ in blocks_of(built.module)]
    assert (names[0], names[-1]) == (first, last)
    held = [id(p) for _, block in blocks_of(built.module) for p in block.parameters()]
    own = {id(p) for key, p in built.module.named_parameters() if "." not in key}
    assert len(held) == len(set(held)) and set(held) | own == {id(p) for p in built.module.parameters()}
    assert 8 <= len(names) <= 30


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "alone": ({"kind": "fsdp"}, "fsdp divides the network among processes, and there is one"),
    "hybrid alone": ({"kind": "hybrid"}, "hybrid divides the network among processes, and there is one"),
    "one device": ({"kind": "layers", "devices": ["cpu"]}, "layers needs two devices at least"),
    "devices of none": ({"devices": ["cpu", "cpu"]}, "train.distributed.devices has no effect: only layers"),
    "groups of none": ({"shard": 2}, "train.distributed.shard has no effect: only hybrid"),
    "many devices": ({"kind": "layers", "devices": ["cpu"] * 9}, "the network has fewer blocks than there are devices"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_arranged_is_refused_and_leaves_no_folder(case: str, tmp_path: Path, pictures: Path):
    own, told = REFUSED[case]
    with pytest.raises(ConfigError, match=told):
        train_small(pictures, tmp_path / "run", **{f"train.distributed.{key}": value for key, value in own.items()})
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_groups_that_do_not_divide_the_processes_are_refused(tmp_path: Path, pictures: Path):
    for own, told in (
        ({"kind": "hybrid", "shard": 3}, "groups of 3, 2 processes\n  allowed: kind=fsdp, as there is one group"),
        ({"kind": "layers", "devices": ["cpu", "cpu"]}, "layers splits the network of one process over its devices"),
    ):
        changes = {f"train.distributed.{key}": value for key, value in own.items()}
        ranks = Ranks("train", str(pictures), "--run", str(tmp_path / "run"), *words(**changes), world=2)
        assert ranks.wait() == [2, 2]
        assert told in ranks.told()
        assert not (tmp_path / "run").exists()
