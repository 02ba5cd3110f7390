"""The spread of the activations at the start, and what it means."""

import pytest
import torch
from torch import nn

from sightline.model.build import build
from sightline.model.spread import spread_of


def deep(std, layers=12, width=64, norm=False):
    torch.manual_seed(0)
    parts = []
    for _ in range(layers):
        parts += [nn.Linear(width, width, bias=False), *([nn.LayerNorm(width)] if norm else []), nn.ReLU()]
        nn.init.normal_(parts[0 - (3 if norm else 2)].weight, std=std)
    return nn.Sequential(*parts, nn.Linear(width, 3))


IMAGES = torch.randn(32, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("std", "norm", "verdict"),
    [(0.02, False, "shrinks"), (1.0, False, "explodes"), ((2 / 64) ** 0.5, False, "healthy"), (0.02, True, "healthy")],
)
def test_the_verdict_on_a_deep_network(std, norm, verdict):
    report = spread_of(deep(std, norm=norm), IMAGES, ["24" if not norm else "36"])
    assert report.verdict == verdict
    assert ("model.init.name=kaiming" in report.words) == (verdict != "healthy")


def test_activations_that_are_not_finite_name_their_layer():
    module = deep(0.1, layers=3)
    module[2].weight.data.fill_(float("inf"))
    report = spread_of(module, IMAGES)
    assert report.verdict == "explodes" and "those of 2 are not finite" in report.words
    assert report.as_dict()["variance"]["2"] is None


def test_variances_are_those_of_the_layers_outputs():
    module = deep(0.1, layers=2)
    report = spread_of(module, IMAGES)
    first = module[0](IMAGES)
    assert [one.layer for one in report.layers] == ["0", "2", "4"]
    assert report.layers[0].variance == pytest.approx(float(first.var(correction=0)), rel=1e-5)


def test_looking_changes_neither_network_nor_random_numbers():
    module = build("cnn", 3, 1, {"dropout": 0.5}).module.eval()
    before = {key: one.clone() for key, one in module.state_dict().items()}
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    spread_of(module, torch.ones(4, 1, 16, 16))
    assert torch.equal(torch.rand(1), expected) and not module.training
    assert all(torch.equal(one, before[key]) for key, one in module.state_dict().items())


@pytest.mark.parametrize(
    "name", ["cnn", "mlp", "resnet18", "mobilenetv3_small_050", "test_vit", "legacy_seresnext26_32x4d"]
)
def test_networks_as_they_are_made_are_healthy(name):
    torch.manual_seed(0)
    built = build(name, 3, 3, {}, size=32)
    report = spread_of(built.module, torch.randn(4, 3, 32, 32), ["head", "fc", "classifier", "last_linear"])
    assert report.verdict == "healthy", report.words
