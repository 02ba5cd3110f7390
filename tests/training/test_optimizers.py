"""Optimizers step as torch's do, and each parameter gets its learning rate and decay."""

import copy

import pytest
import torch

from sightline.errors import ConfigError, PlugError
from sightline.model.build import Built, build
from sightline.training.config import TAKEN, OptimizerConfig, TrainConfig
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
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.7, nesterov=True, fused=True),
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
    assert all(torch.equal(value, twin.state_dict()[key]) for key, value in built.module.state_dict().items())


class Line(torch.nn.Module):
    """One number for each weight, and a gradient that is known."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64))


SLOPES = [
    torch.tensor([[0.3, -1.0], [2.0, 0.01]], dtype=torch.float64) * factor for factor in (1, -0.5, 2, 0.1, 1, 1, 3)
]


def stepped_on_line(name, decay, **options):
    built = Built(module=Line(), depth={}, head=frozenset())
    optimizer = make_optimizer(built, settings(name, options=options), 0.01, decay)
    for slope in SLOPES:
        built.module.weight.grad = slope.clone()
        optimizer.step()
    return built.module.weight.detach()


def lion(weight, rate, decay):
    mean = torch.zeros_like(weight)
    for slope in SLOPES:
        weight = weight * (1 - rate * decay) - rate * torch.sign(0.8 * mean + 0.2 * slope)
        mean = 0.99 * mean + 0.01 * slope
    return weight


def radam(weight, rate, decay, belief=False, eps=1e-8, slow=None, every=6):
    """Liu et al. 2020, algorithm 2; AdaBelief's second moment is that of the surprise (Zhuang et al. 2020)."""
    mean, square, limit = torch.zeros_like(weight), torch.zeros_like(weight), 2 / (1 - 0.99) - 1
    slow = weight if slow is None else slow
    for step, slope in enumerate(SLOPES, 1):
        mean = 0.8 * mean + 0.2 * slope
        surprise = slope - mean if belief else slope
        square = 0.99 * square + 0.01 * surprise**2 + (eps if belief else 0)
        length = limit - 2 * step * 0.99**step / (1 - 0.99**step)
        weight = weight * (1 - rate * decay)
        if length >= 5 if belief else length > 5:
            share = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            root = (1 - 0.99**step) ** 0.5 * share**0.5
            weight = weight - rate * root * mean / (1 - 0.8**step) / (square.sqrt() + eps * (belief or root * 0 + 1))
        else:
            weight = weight - rate * mean / (1 - 0.8**step)
        if every and step % every == 0:
            slow = slow + 0.5 * (weight - slow)
            weight = slow
    return weight


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_lion_is_its_formula(decay):
    torch.testing.assert_close(stepped_on_line("lion", decay), lion(Line().weight.detach(), 0.01, decay))


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adabelief_is_its_formula(decay):
    expected = radam(Line().weight.detach(), 0.01, decay, belief=True, eps=1e-16, every=0)
    torch.testing.assert_close(stepped_on_line("adabelief", decay), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_ranger_is_rectified_adam_that_looks_ahead(decay):
    expected = radam(Line().weight.detach(), 0.01, decay, every=6)
    torch.testing.assert_close(stepped_on_line("ranger", decay), expected, rtol=1e-6, atol=1e-9)
    every = radam(Line().weight.detach(), 0.01, decay, every=2)
    torch.testing.assert_close(stepped_on_line("ranger", decay, k=2), every, rtol=1e-6, atol=1e-9)


def test_muon_leaves_all_but_hidden_matrices_to_adamw():
    torch.manual_seed(0)
    built = build("cnn", 3, 1, {"width": 8})
    twin = copy.deepcopy(built.module)
    groups = parameter_groups(built, 1.0, 0.05, hidden_apart=True)
    fallback = by_name(built, groups, "use_fallback")
    for name, parameter in built.module.named_parameters():
        assert fallback[name] == (name in ("stem.0.weight", "head.weight") or parameter.ndim == 1), name
    before = {name: parameter.detach().clone() for name, parameter in built.module.named_parameters()}
    mine = make_optimizer(built, TrainConfig(optimizer=OptimizerConfig(name="muon", nesterov=False)), 0.01, 0.0)
    stepped(
        [(built.module, mine), (twin, torch.optim.AdamW(twin.parameters(), 0.01, (0.9, 0.95), weight_decay=0.0))], 1
    )
    moved = {name: parameter.detach() - before[name] for name, parameter in built.module.named_parameters()}
    for name, parameter in twin.named_parameters():
        if fallback[name]:
            torch.testing.assert_close(before[name] + moved[name], parameter.detach(), rtol=1e-4, atol=1e-6)
        else:
            assert (moved[name] - (parameter.detach() - before[name])).abs().max() > 0.001


def test_muon_moves_a_hidden_matrix_equally_far_in_all_directions():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Linear(16, 16), torch.nn.Linear(16, 2))
    built = Built(module=module, depth={}, head=frozenset({"2.weight"}))
    before, optimizer = module[1].weight.detach().clone(), make_optimizer(built, settings("muon"), 0.01, 0.0)
    for parameter in module.parameters():
        parameter.grad = torch.randn_like(parameter) * torch.linspace(0.3, 3, parameter.shape[-1])
    optimizer.step()
    sizes = torch.linalg.svdvals(module[1].weight.detach() - before)
    assert sizes[-2] > 0.5 * sizes[0]
    slopes = torch.linalg.svdvals(module[1].weight.grad)
    assert slopes[-2] < 0.2 * slopes[0]


def test_hidden_matrices_are_told_apart_where_the_head_is_not_known():
    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
    groups = parameter_groups(Built(module=module, depth={}, head=frozenset()), 1.0, 0.0, hidden_apart=True)
    hidden = [p for group in groups if not group["use_fallback"] for p in group["params"]]
    assert len(hidden) == 1 and hidden[0] is module[1].weight


@pytest.mark.parametrize("name", KINDS)
def test_every_optimizer_lowers_the_loss_at_its_customary_rate(name):
    torch.manual_seed(0)
    built = build("cnn", 3, 1, {"width": 8})
    kind = KINDS[name]
    optimizer = make_optimizer(built, TrainConfig(optimizer=OptimizerConfig(name=name)), kind.rates[0], kind.decay)
    images, targets = torch.randn(32, 1, 8, 8), torch.arange(32) % 3
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(built.module(images), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0], losses


@pytest.mark.parametrize("name", KINDS)
def test_an_option_acts_and_an_unknown_one_is_refused(name, built):
    option = {"sgd": "dampening", "lion": "caution", "adadelta": "rho", "ranger": "k"}.get(name, "eps")
    value = {"caution": True, "k": 3}.get(option, 0.5)
    config = settings(name, options={option: value})
    if name == "sgd":  # torch refuses dampening beside Nesterov's form
        with pytest.raises(ConfigError, match="sgd cannot be made of these settings"):
            make_optimizer(built, config, 0.1, 0.0)
        return
    optimizer = make_optimizer(built, config, 0.1, 0.0)
    assert {group[option] for group in optimizer.param_groups} == {value}
    with pytest.raises(ConfigError, match=rf"{name} has no option 'epsilon' \(train.optimizer.options\)\n  allowed: "):
        make_optimizer(built, settings(name, options={"epsilon": 1}), 0.1, 0.0)


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
