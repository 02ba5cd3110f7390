"""Parts of a network in float32, and parts that are computed again in the backward pass."""

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from sightline.errors import ConfigError
from sightline.model.build import build
from sightline.training.config import TrainConfig
from sightline.training.forwards import Forwards, named, recomputed


class Block(nn.Module):
    """Dropout and batch norm: random numbers and statistics that must not come twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.drop(self.norm(self.conv(x))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


def config(**changes: Any) -> TrainConfig:
    return dataclasses.replace(TrainConfig(), **changes)


def steps(module: nn.Module, kept: list[int], count: int = 3) -> dict[str, torch.Tensor]:
    """The weights and statistics after a few steps of SGD; ``kept``: bytes kept for the backward pass of each."""
    torch.manual_seed(1)
    inputs = torch.randn(count, 6, 3, 10, 10)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    module.train()
    for images in inputs:
        size = 0

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal size
            size += tensor.numel() * tensor.element_size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = module(images).square().sum()
        kept.append(size)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return module.state_dict()


@pytest.mark.parametrize("wanted", ["all", ("blocks",), ("blocks.1", "st*")])
def test_recomputing_saves_memory_and_changes_no_bit(wanted: Any):
    torch.manual_seed(0)
    plain = Net()
    saving = copy.deepcopy(plain)
    Forwards(saving, config(recompute=wanted))
    much, less = list[int](), list[int]()
    expected, got = steps(plain, much), steps(saving, less)
    assert list(got) == list(expected)
    assert all(torch.equal(got[name], expected[name]) for name in expected)
    assert got["blocks.1.norm.num_batches_tracked"] == 3
    assert max(less) < 0.7 * min(much)


def test_recomputing_a_network_of_timm_changes_no_bit():
    plain = build("mobilenetv3_small_050", 2, 3, {}).module
    saving = copy.deepcopy(plain)
    forwards = Forwards(saving, config(recompute="all"))
    assert {name for _, name in forwards.wanted} >= {f"blocks.{place}" for place in range(4)}
    results = []
    for module in (plain, saving):
        torch.manual_seed(3)
        module.train()(torch.randn(2, 3, 32, 32)).square().sum().backward()
        gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
        results.append(module.state_dict() | gradients)
    expected, got = results
    assert all(torch.equal(got[name], expected[name]) for name in expected)
    forwards.refuse_idle()


def test_a_grouped_convolution_hands_on_what_it_got_and_another_part_hands_on_float32():
    net, seen = Net(), dict[str, tuple[torch.dtype, torch.dtype]]()
    net.blocks[0].conv = nn.Conv2d(4, 4, 3, padding=1, groups=4)
    Forwards(net, config(fp32=("blocks.0.conv", "blocks.1")))
    inner = type(net.blocks[0].conv).__mro__[1]
    for name in ("blocks.0.norm", "blocks.1"):
        net.get_submodule(name).register_forward_hook(
            lambda _, given, made, name=name: seen.update({name: (given[0].dtype, made.dtype)})
        )
    with torch.autocast("cpu", torch.bfloat16):
        net(torch.randn(2, 3, 10, 10))
        half = net.blocks[0].conv(torch.ones(1, 4, 5, 5, dtype=torch.bfloat16))
    assert inner is nn.Conv2d and half.dtype == torch.bfloat16
    own = net.blocks[0].conv
    exact = nn.functional.conv2d(torch.ones(1, 4, 5, 5), own.weight, own.bias, padding=1, groups=4)
    assert torch.equal(half, exact.bfloat16())
    assert seen == {
        "blocks.0.norm": (torch.bfloat16, torch.bfloat16),
        "blocks.1": (torch.bfloat16, torch.float32),
    }


def test_an_island_computes_in_float32_and_what_is_around_it_does_not():
    net = Net()
    seen: dict[str, tuple[torch.dtype, torch.dtype]] = {}

    def watch(name: str) -> Any:
        return lambda _module, inputs, output: seen.update({name: (inputs[0].dtype, output.dtype)})

    Forwards(net, config(fp32=("head", "blocks.0.*")))
    for name in ("stem", "blocks.0.conv", "blocks.1.conv", "head"):
        net.get_submodule(name).register_forward_hook(watch(name))
    with torch.autocast("cpu", torch.bfloat16):
        net(torch.randn(2, 3, 10, 10)).sum().backward()
    assert {name: output for name, (_, output) in seen.items()} == {
        "stem": torch.bfloat16,
        "blocks.0.conv": torch.float32,
        "blocks.1.conv": torch.bfloat16,
        "head": torch.float32,
    }
    assert all(parameter.dtype == torch.float32 == parameter.grad.dtype for parameter in net.parameters())


def test_an_island_that_is_recomputed_is_an_island_both_times():
    torch.manual_seed(0)
    plain = Net()
    both = copy.deepcopy(plain)
    Forwards(plain, config(fp32=("blocks.*",)))
    Forwards(both, config(fp32=("blocks.*",), recompute=("blocks.*",)))
    grads = []
    for net in (plain, both):
        torch.manual_seed(2)
        with torch.autocast("cpu", torch.bfloat16):
            loss = net(torch.randn(2, 3, 10, 10)).sum()
        loss.backward()
        grads.append([parameter.grad for parameter in net.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*grads, strict=True))


def test_a_copy_of_the_network_has_its_own_weights():
    net = Net()
    Forwards(net, config(fp32=("head",), recompute=("blocks.0",)))
    other = copy.deepcopy(net)
    with torch.no_grad():
        other.head.weight.zero_()
        other.head.bias.fill_(7)
    assert torch.equal(other.eval()(torch.randn(2, 3, 10, 10)), torch.full((2, 2), 7.0))
    assert repr(net) == repr(Net())


def test_a_pattern_without_a_part_is_an_error_that_names_the_nearest():
    with pytest.raises(ConfigError, match="no part of the network is called 'haed'") as caught:
        named(Net(), ["haed"], "train.fp32")
    assert "did you mean 'head'" in str(caught.value) and "stem, blocks, head" in str(caught.value)


def test_of_parts_within_one_another_the_outermost_is_taken_and_a_list_stands_for_what_is_in_it():
    assert named(Net(), ["blocks", "*.conv"], "train.fp32") == ["blocks.0", "blocks.1"]
    assert named(Net(), ["*"], "train.fp32") == ["stem", "blocks.0", "blocks.1", "head"]


def test_a_network_without_stages_cannot_recompute_all():
    with pytest.raises(ConfigError, match="the network has no stages"):
        recomputed(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), "all")


def test_a_part_that_is_never_called_is_refused():
    class Sly(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(super().forward(x), self.head.weight[:, :2])

    class Idle(Sly):
        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(2, 2)

    net = Idle()
    forwards = Forwards(net, config(fp32=("head", "unused")))
    net(torch.randn(2, 3, 10, 10))
    with pytest.raises(ConfigError, match=r"train.fp32 would have no effect") as caught:
        forwards.refuse_idle()
    assert "got: unused" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("cnn", ["stem", "stage1", "stage2", "stage3"]),
        ("resnet18", [f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)]),
        ("mobilenetv3_small_050", [f"blocks.{stage}" for stage in range(6)]),
        ("vit_tiny_patch16_224", ["patch_embed", *(f"blocks.{block}" for block in range(12))]),
    ],
)
def test_stages_are_what_a_network_is_made_of(name: str, stages: list[str]):
    assert recomputed(build(name, 2, 3, {}).module, "all") == stages
