"""Random starting values: those that were asked for, where nothing was loaded, and nowhere else."""

import math

import pytest
import torch
from torch import nn

from sightline.errors import ConfigError
from sightline.model.config import HeadConfig, InitConfig, ModelConfig
from sightline.model.initialise import initialise
from sightline.model.make import make_model


def network(**head):
    torch.manual_seed(0)
    return make_model(ModelConfig(name="cnn", head=HeadConfig(**head)), 4, 3)


def everything(built):
    return {key for key, _ in built.module.named_parameters()}


def filters(built):
    return {key: one for key, one in built.module.named_parameters() if one.ndim > 1}


def started(fresh=None, prior=None, head=None, **config):
    built = network(**(head or {}))
    initialise(built, InitConfig(**config), everything(built) if fresh is None else fresh, 4, prior)
    return built


def spread(name, weight, std):
    fan_in = weight[0].numel()
    fan_out = weight.shape[0] * math.prod(weight.shape[2:])
    return {
        "normal": std or 0.02,
        "uniform": std or 0.02,
        "xavier": math.sqrt(2 / (fan_in + fan_out)),
        "kaiming": math.sqrt(2 / fan_in),
    }[name]


@pytest.mark.parametrize("std", [None, 0.3])
@pytest.mark.parametrize("name", ["normal", "uniform", "xavier", "kaiming"])
def test_filters_have_the_spread_of_the_formula(name, std):
    if std and name in ("xavier", "kaiming"):
        return
    built = started(name=name, std=std)
    for key, weight in filters(built).items():
        expected = spread(name, weight, std)
        assert abs(float(weight.std()) / expected - 1) < 0.15, key
        assert abs(float(weight.mean())) < 4 * expected / math.sqrt(weight.numel()), key
        if name in ("uniform", "xavier"):
            assert float(weight.abs().max()) <= math.sqrt(3) * expected * (1 + 1e-6)


def test_orthogonal_rows_are_at_right_angles():
    for weight in filters(started(name="orthogonal")).values():
        rows = weight.detach().flatten(1)
        small = rows if rows.shape[0] <= rows.shape[1] else rows.T
        torch.testing.assert_close(small @ small.T, torch.eye(len(small)), atol=1e-5, rtol=0)


def test_norms_keep_their_values_and_default_changes_nothing():
    plain = network()
    for name in ("auto", "default"):
        built = started(name=name)
        assert all(torch.equal(one, plain.module.state_dict()[key]) for key, one in built.module.state_dict().items())
    built = started(name="normal")
    assert torch.equal(built.module.stage1.norm.weight, torch.ones(48))


def test_what_was_loaded_stays():
    plain = network()
    built = started(fresh={"head.weight", "head.bias"}, name="kaiming", zero_bias=True)
    changed = {
        key for key, one in built.module.state_dict().items() if not torch.equal(one, plain.module.state_dict()[key])
    }
    assert changed == {"head.weight", "head.bias"} and not built.module.head.bias.any()


def test_the_prior_makes_an_even_network_guess_the_classes_as_often_as_they_come():
    built = started(prior=[10, 20, 30, 40], prior_bias=True)
    torch.testing.assert_close(built.module.head.bias.softmax(0), torch.tensor([0.1, 0.2, 0.3, 0.4]))
    torch.testing.assert_close(built.module.head.bias.exp().sum(), torch.tensor(1.0))
    mlp = started(prior=[1, 1, 1, 3], prior_bias=True, zero_bias=True, head={"name": "mlp"})
    assert not mlp.module.head.hidden.bias.any() and float(mlp.module.head.last.bias[3]) == pytest.approx(math.log(0.5))


@pytest.mark.parametrize(
    ("config", "more", "told"),
    [
        ({"name": "normal"}, {"fresh": set()}, "model.init.name has no effect: every filter or matrix was loaded"),
        ({"zero_bias": True}, {"fresh": {"head.weight"}}, "model.init.zero_bias has no effect: every bias was loaded"),
        ({"prior_bias": True}, {"prior": [2, 2, 2, 2]}, "every class counts as often as any other"),
        ({"prior_bias": True}, {"prior": [2, 2, 2, 1], "fresh": {"head.weight"}}, "every bias of the head was loaded"),
        (
            {"prior_bias": True},
            {"prior": [2, 2, 2, 1], "head": {"name": "cosine"}},
            "the model has no bias of the head",
        ),
        ({"zero_bias": True}, {"head": {"name": "cosine"}}, "the model has no bias"),
    ],
)
def test_a_wish_that_would_change_nothing_is_refused(config, more, told):
    with pytest.raises(ConfigError, match=told):
        started(**config, **more)


def test_convolutions_of_any_kind_are_reached():
    built = make_model(ModelConfig(name="mobilenetv3_small_050"), 4, 3)
    before = {key: one.detach().clone() for key, one in filters(built).items()}
    initialise(built, InitConfig(name="orthogonal"), everything(built), 4)
    assert all(not torch.equal(one, before[key]) for key, one in filters(built).items())
    assert isinstance(built.module.conv_stem, nn.Conv2d)
