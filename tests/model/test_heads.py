"""Another head in the place of a network's last layer, in any network that ends in one."""

import sys

import pytest
import torch
from torch import nn

from sightline.errors import ModelError, PlugError
from sightline.model.config import HeadConfig, ModelConfig
from sightline.model.heads import class_rows, start_head_small
from sightline.model.make import make_model

HEADS = {
    "dropout": HeadConfig(dropout=0.5),
    "mlp": HeadConfig(name="mlp", hidden=7, dropout=0.5),
    "cosine": HeadConfig(name="cosine", scale=3.0),
}
NETS = """
from torch import nn


def net(num_classes, in_chans):
    return nn.Sequential(nn.Conv2d(in_chans, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))


def everywhere(num_classes, in_chans):
    return nn.Sequential(nn.Conv2d(in_chans, 4, 3), nn.Conv2d(4, num_classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten())


def endless(num_classes, in_chans):
    return nn.Sequential(nn.Conv2d(in_chans, num_classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def twice(features, classes, width=5):
    return nn.Sequential(nn.Linear(features, width), nn.Tanh(), nn.Linear(width, classes))


def words(features, classes):
    return "a head"
"""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_parts.py").write_text(NETS)
    yield
    sys.modules.pop("sightline_plug_my_parts", None)


def made(name, head=None, classes=3, **more):
    torch.manual_seed(0)
    return make_model(ModelConfig(name=name, head=head or HeadConfig(), **more), classes, 2, size=32)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", ["cnn", "mlp", "resnet18", "test_vit", "my_parts:net", "my_parts:everywhere"])
def test_any_network_takes_any_head(name, head):
    built, plain = made(name, HEADS[head]), made(name)
    module = built.module.eval()
    assert module(torch.rand(2, 2, 32, 32)).shape == (2, 3)
    own, before = dict(module.named_parameters()), dict(plain.module.named_parameters())
    assert built.head and built.head <= set(own) and set(own) - built.head == set(before) - plain.head
    assert set(built.depth) == set(own)
    assert {built.depth[key] for key in built.head} == {plain.depth[key] for key in plain.head}
    module(torch.rand(2, 2, 32, 32)).square().sum().backward()
    assert all(own[key].grad is not None and bool(own[key].grad.any()) for key in built.head)


def test_the_heads_compute_what_they_are_named_for():
    features = torch.randn(5, 96)
    mlp = made("cnn", HeadConfig(name="mlp", hidden=7)).module.head
    expected = nn.Sequential(mlp.hidden, nn.ReLU(), mlp.last)(features)
    assert torch.equal(mlp(features), expected) and mlp.hidden.weight.shape == (7, 96)
    assert made("cnn", HeadConfig(name="mlp")).module.head.hidden.weight.shape == (96, 96)
    cosine = made("cnn", HEADS["cosine"]).module.head
    angles = nn.functional.cosine_similarity(features[:, None], cosine.weight[None], dim=2)
    torch.testing.assert_close(cosine(features), 3 * angles)
    assert cosine.scale.requires_grad and made("cnn", HeadConfig(name="cosine")).module.head.scale.item() == 10


def test_dropout_acts_in_training_only_and_on_its_share_of_the_features():
    linear = made("cnn", HEADS["dropout"]).module.head
    ones = torch.ones(400, 96)
    linear.weight.data.fill_(1.0), linear.bias.data.zero_()
    assert torch.equal(linear.eval()(ones), torch.full((400, 3), 96.0))
    trained = linear.train()(ones)
    assert abs(trained.mean().item() - 96) < 1 and trained.std().item() > 5
    mlp = made("cnn", HEADS["mlp"]).module.head
    assert not torch.equal(mlp.train()(ones), mlp(ones)) and torch.equal(mlp.eval()(ones), mlp(ones))


def test_without_a_wish_the_models_own_last_layer_stays():
    assert isinstance(made("resnet18").module.fc, nn.Linear)


def test_a_linear_head_with_dropout_keeps_the_names_of_its_weights():
    assert made("resnet18", HEADS["dropout"]).module.state_dict().keys() == made("resnet18").module.state_dict().keys()


def test_two_heads_of_a_distilled_model_are_both_replaced():
    built = made("deit_tiny_distilled_patch16_224", HEADS["cosine"])
    assert built.head == {"head.weight", "head.scale", "head_dist.weight", "head_dist.scale"}


def test_a_users_own_head():
    built = made("resnet18", HeadConfig(name="my_parts:twice", options={"width": 6}))
    assert built.module.fc[0].weight.shape == (6, 512) and built.module.eval()(torch.rand(1, 2, 32, 32)).shape == (1, 3)
    assert built.head == {f"fc.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")}
    with pytest.raises(ModelError, match=r"head 'my_parts:twice' does not take these arguments \(model.head\)"):
        made("cnn", HeadConfig(name="my_parts:twice", options={"widht": 6}))
    with pytest.raises(PlugError, match=r"'my_parts:words' did not give a module \(model.head.name\)\n  got: str"):
        made("cnn", HeadConfig(name="my_parts:words"))
    with pytest.raises(PlugError, match=r"unknown head 'cosin' \(model.head.name\)\n  allowed: cosine, linear, mlp\n"):
        made("cnn", HeadConfig(name="cosin"))


def test_a_network_without_a_last_layer_keeps_the_head_it_has():
    with pytest.raises(ModelError, match=r"the head of 'my_parts:endless' cannot be replaced: .* with 3 outputs"):
        made("my_parts:endless", HEADS["mlp"])
    assert made("my_parts:endless").head == frozenset()


def test_a_small_start_is_that_of_the_last_layer_only():
    built = made("cnn", HeadConfig(name="mlp", hidden=3))
    hidden = built.module.head.hidden.weight.clone()
    start_head_small(built, 3)
    assert torch.equal(built.module.head.hidden.weight, hidden) and not built.module.head.last.bias.any()
    assert built.module.head.last.weight.abs().max().item() < 0.05
    assert class_rows(built, 3) == ["head.last.weight", "head.last.bias"]
    cosine = made("cnn", HEADS["cosine"])
    before = cosine.module.head.weight.clone()
    start_head_small(cosine, 3)
    assert torch.equal(cosine.module.head.weight, before) and cosine.module.head.scale.item() == 3
    assert class_rows(cosine, 3) == ["head.weight"]
    own = made("cnn", HeadConfig(name="my_parts:twice", options={"width": 3}))
    assert class_rows(own, 3) == ["head.2.weight", "head.2.bias"]
    distilled = made("deit_tiny_distilled_patch16_224")
    assert class_rows(distilled, 3) == ["head.weight", "head.bias", "head_dist.weight", "head_dist.bias"]


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "mobilenetv3_small_050"])
def test_drop_path_leaves_branches_out_while_training(name):
    module, images = made(name, drop_path=0.9).module, torch.rand(4, 2, 32, 32)
    rates = [layer.drop_prob for layer in module.modules() if type(layer).__name__ == "DropPath"]
    assert max(rates) <= 0.9 and max(rates) > 0.4 and rates == sorted(rates)
    assert not any(type(layer).__name__ == "DropPath" for layer in made(name).module.modules())
    for parameter in module.parameters():  # branches that start at nothing show no difference
        parameter.data.fill_(1.0) if parameter.ndim == 1 else None
    assert not torch.equal(module.train()(images), module(images))
    assert torch.equal(module.eval()(images), module(images))


@pytest.mark.parametrize("name", ["vgg11", "inception_v3"])
def test_drop_path_without_branches_is_refused(name):
    with (
        torch.device("meta"),
        pytest.raises(ModelError, match=rf"model.drop_path has no effect: '{name}' has no resid"),
    ):
        made(name, drop_path=0.1)


def test_drop_path_is_given_once_and_to_those_that_have_it():
    with pytest.raises(ModelError, match=r"model.drop_path is for timm's models \(model.drop_path\)\n  got: cnn"):
        made("cnn", drop_path=0.1)
    with pytest.raises(ModelError, match="stochastic depth is given twice"):
        made("resnet18", drop_path=0.1, options={"drop_path_rate": 0.1})
