"""Optimizers step as torch's do, and each parameter gets its learning rate and decay."""

import copy

import pytest
import torch

from oracles import same
from sightline.errors import PlugError
from sightline.model.build import build
from sightline.model.freeze import backbone_of, set_frozen
from sightline.training.choices import TAKEN
from sightline.training.config import OptimizerConfig, TrainConfig
from sightline.training.optimizer_kinds import KINDS
from sightline.training.optimizers import make_optimizer, parameter_groups, set_lr


@pytest.fixture(scope="module")
def built():
    torch.manual_seed(0)
    return build("cnn", 3, 1, {"width": 8})


def by_name(built, groups, key):
    names = {id(parameter): name for name, parameter in built.module.named_parameters()}
    return {names[id(parameter)]: group[key] for group in groups for parameter in group["params"]}


def test_norms_and_biases_are_not_decayed(built):
    decay = by_name(built, parameter_groups(built, 1.0, 0.05), "weight_decay")
    assert len(decay) == len(list(built.module.parameters())), "every parameter is in exactly one group"
    for name, parameter in built.module.named_parameters():
        assert decay[name] == (0.0 if "norm" in name or name.endswith("bias") or parameter.ndim == 1 else 0.05)
    assert decay["head.weight"] == 0.05 and decay["head.bias"] == decay["stem.1.weight"] == 0.0


def test_without_layer_decay_there_are_two_groups_of_one_rate(built):
    groups = parameter_groups(built, 1.0, 0.05)
    assert len(groups) == 2 and {group["lr_share"] for group in groups} == {1.0}


def test_layer_decay_multiplies_from_the_head_down(built):
    share = by_name(built, parameter_groups(built, 0.5, 0.0), "lr_share")
    assert [share[f"{name}.weight"] for name in ("head", "stage3.conv", "stage2.conv", "stage1.conv", "stem.0")] == [
        1.0, 0.5, 0.25, 0.125, 0.0625,
    ]  # fmt: skip
    assert share["head.bias"] == 1.0 and share["stage3.block.conv2.weight"] == share["stage3.norm.bias"] == 0.5


def test_layer_decay_of_a_timm_model_follows_its_layers():
    built = build("resnet18", 3, 3, {})
    share = by_name(built, parameter_groups(built, 0.9, 0.0), "lr_share")
    assert share["fc.weight"] == share["fc.bias"] == 1.0
    order = [
        share[name]
        for name in ("conv1.weight", "layer1.0.conv1.weight", "layer2.1.conv1.weight", "layer4.1.conv2.weight")
    ]
    assert order == sorted(order) and len(set(order)) == 4 and order[-1] == 0.9


def test_the_rate_of_every_group_is_its_share(built):
    optimizer = make_optimizer(built, TrainConfig(layer_decay=0.5), 0.8, 0.1)
    assert by_name(built, optimizer.param_groups, "lr")["stage3.conv.weight"] == 0.4
    set_lr(optimizer, 0.2)
    rates = by_name(built, optimizer.param_groups, "lr")
    assert rates["head.weight"] == 0.2 and rates["stem.0.weight"] == 0.2 / 16


BETAS = {"betas": (0.8, 0.99)}
ORACLES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.7, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, fused=True, **BETAS),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.0, fused=True, **BETAS),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01, **BETAS),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.01, **BETAS),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.7),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01, fused=True),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=0.01),
}


def settings(name, **more):
    own = {"momentum": 0.7, "betas": (0.8, 0.99)}
    return TrainConfig(
        optimizer=OptimizerConfig(name=name, **{k: v for k, v in own.items() if k in TAKEN[name]}, **more)
    )


def stepped(pairs, steps=3):
    """Take steps with each (module, optimizer) on the same images."""
    for seed in range(steps):
        images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
        for model, optimizer in pairs:
            optimizer.zero_grad()
            model(images).square().sum().backward()
            optimizer.step()


@pytest.mark.parametrize("name", ORACLES)
def test_steps_are_those_of_torch(name):
    torch.manual_seed(0)
    built = build("cnn", 3, 1, {"width": 4})
    twin = copy.deepcopy(built.module)
    stepped(
        [(built.module, make_optimizer(built, settings(name), 0.01, 0.0)), (twin, ORACLES[name](twin.parameters()))]
    )
    weights = [torch.cat([one.flatten() for one in module.state_dict().values()]) for module in (built.module, twin)]
    same("optimizer", name, "torch's own, three steps of a network", *weights, rtol=0, atol=0)


@pytest.mark.parametrize("name", KINDS)
def test_parameters_may_begin_to_learn_later_than_others(name):
    torch.manual_seed(0)
    built = build("cnn", 3, 1, {"width": 4})
    optimizer = make_optimizer(built, settings(name), 0.001, 0.01)
    for frozen in (True, False, False):
        set_frozen(built, backbone_of(built) if frozen else frozenset())
        before = {key: value.detach().clone() for key, value in built.module.named_parameters()}
        optimizer.zero_grad()
        built.module(torch.randn(4, 1, 8, 8)).square().sum().backward()
        optimizer.step()
        for key, value in built.module.named_parameters():
            assert torch.isfinite(value).all()
            assert (frozen and key not in built.head) or not torch.equal(value, before[key]), key


def test_decay_shrinks_filters_only():
    built = build("cnn", 3, 1, {"width": 4})
    before = {name: parameter.detach().clone() for name, parameter in built.module.named_parameters()}
    optimizer = make_optimizer(built, TrainConfig(), 0.1, 0.5)
    for parameter in built.module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in built.module.named_parameters():
        torch.testing.assert_close(parameter.detach(), before[name] * (0.95 if parameter.ndim > 1 else 1.0))


def test_sgd_without_momentum_takes_the_default_nesterov(built):
    optimizer = make_optimizer(built, TrainConfig(optimizer=OptimizerConfig(name="sgd", momentum=0.0)), 0.1, 0.0)
    assert {(group["momentum"], group["nesterov"]) for group in optimizer.param_groups} == {(0.0, False)}


def test_an_unknown_optimizer(built):
    with pytest.raises(PlugError, match=r"unknown optimizer 'adamm' \(train.optimizer.name\)\n  allowed: .*\n.*'adam'"):
        make_optimizer(built, TrainConfig(optimizer=OptimizerConfig(name="adamm")), 0.1, 0.0)


def test_a_users_optimizer_with_groups_of_its_own_is_refused(built, tmp_path, monkeypatch):
    (tmp_path / "own_groups.py").write_text(
        "import torch\ndef make(groups, config):\n"
        "    return torch.optim.SGD([{'params': group['params']} for group in groups], lr=0.1)\n"
    )
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(optimizer=OptimizerConfig(name="own_groups:make"))
    with pytest.raises(PlugError, match="did not give an optimizer over the groups it got"):
        make_optimizer(built, config, 0.1, 0.0)
