"""Optimizers that torch does not have, against their formulas, and what each does by itself."""

import copy
import itertools

import pytest
import torch

from oracles import same
from sightline.errors import ConfigError
from sightline.model.build import Built, build
from sightline.training.choices import TAKEN
from sightline.training.config import OptimizerConfig, TrainConfig
from sightline.training.optimizer_kinds import KINDS
from sightline.training.optimizers import make_optimizer, outer_parameters, parameter_groups


def settings(name, **more):
    own = {"momentum": 0.7, "betas": (0.8, 0.99)}
    taken = {key: value for key, value in own.items() if key in TAKEN[name]}
    return TrainConfig(optimizer=OptimizerConfig(name=name, **taken, **more))


def stepped(model, optimizer):
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    optimizer.zero_grad()
    model(images).square().sum().backward()
    optimizer.step()


@pytest.fixture(scope="module")
def built():
    torch.manual_seed(0)
    return build("cnn", 3, 1, {"width": 8})


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
    expected = lion(Line().weight.detach(), 0.01, decay)
    same("optimizer", "lion", "the formula of Chen et al. 2023, seven steps", stepped_on_line("lion", decay), expected)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adabelief_is_its_formula(decay):
    expected = radam(Line().weight.detach(), 0.01, decay, belief=True, eps=1e-16, every=0)
    oracle = "the formula of Zhuang et al. 2020, seven steps"
    same("optimizer", "adabelief", oracle, stepped_on_line("adabelief", decay), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_ranger_is_rectified_adam_that_looks_ahead(decay):
    expected = radam(Line().weight.detach(), 0.01, decay, every=6)
    oracle = "the formulas of Liu et al. 2020 and Zhang et al. 2019, seven steps"
    same("optimizer", "ranger", oracle, stepped_on_line("ranger", decay), expected, rtol=1e-6, atol=1e-9)
    every = radam(Line().weight.detach(), 0.01, decay, every=2)
    same("optimizer", "ranger", oracle, stepped_on_line("ranger", decay, k=2), every, rtol=1e-6, atol=1e-9)


def test_muon_leaves_all_but_hidden_matrices_to_adamw():
    torch.manual_seed(0)
    built = build("cnn", 3, 1, {"width": 8})
    twin = copy.deepcopy(built.module)
    names = {id(parameter): name for name, parameter in built.module.named_parameters()}
    groups = parameter_groups(built, 1.0, 0.05, hidden_apart=True)
    fallback = {names[id(one)]: group["use_fallback"] for group in groups for one in group["params"]}
    for name, parameter in built.module.named_parameters():
        assert fallback[name] == (name in ("stem.0.weight", "head.weight") or parameter.ndim == 1), name
    before = {name: parameter.detach().clone() for name, parameter in built.module.named_parameters()}
    mine = make_optimizer(built, TrainConfig(optimizer=OptimizerConfig(name="muon", nesterov=False)), 0.01, 0.0)
    stepped(built.module, mine)
    stepped(twin, torch.optim.AdamW(twin.parameters(), 0.01, (0.9, 0.95), weight_decay=0.0))
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


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("shape", [(16, 16), (16, 8), (8, 16)])
def test_muon_of_a_hidden_matrix_is_torchs(shape, nesterov):
    """Torch's has the coefficients of the first publication only, and takes no filters."""
    torch.manual_seed(0)
    sizes = [8, shape[1], shape[0], 2]
    module = torch.nn.Sequential(*(torch.nn.Linear(*pair) for pair in itertools.pairwise(sizes)))
    built = Built(module=module, depth={}, head=frozenset({"2.weight"}))
    config = OptimizerConfig(name="muon", nesterov=nesterov, options={"ns_coefficients": "original"})
    ours, weight = make_optimizer(built, TrainConfig(optimizer=config), 0.01, 0.1), module[1].weight
    twin = torch.nn.Parameter(weight.detach().clone())
    theirs = torch.optim.Muon([twin], 0.01, 0.1, 0.95, nesterov=nesterov, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        for parameter in module.parameters():
            parameter.grad = torch.randn_like(parameter)
        twin.grad = weight.grad.clone()
        ours.step()
        theirs.step()
    oracle = "torch's own, five steps of a matrix, with the coefficients that torch has"
    same("optimizer", "muon", oracle, weight.detach(), twin.detach(), rtol=0, atol=0)


def test_the_first_layer_of_a_transformer_is_its_patches():
    outer = outer_parameters(build("vit_tiny_patch16_224", 3, 3, {"img_size": 32}))
    assert {"patch_embed.proj.weight", "cls_token", "pos_embed", "head.weight"} <= outer
    assert "blocks.0.attn.qkv.weight" not in outer


def test_a_users_own_gets_numbers(built, tmp_path, monkeypatch):
    (tmp_path / "own_numbers.py").write_text(
        "import torch\ndef make(groups, config):\n"
        "    return torch.optim.NAdam(groups, betas=config.betas, momentum_decay=config.momentum)\n"
    )
    monkeypatch.chdir(tmp_path)
    made = make_optimizer(built, TrainConfig(optimizer=OptimizerConfig(name="own_numbers:make")), 0.1, 0.0)
    assert {(group["betas"], group["momentum_decay"]) for group in made.param_groups} == {((0.9, 0.999), 0.9)}


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
