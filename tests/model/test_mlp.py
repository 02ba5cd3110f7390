"""The baseline without convolutions."""

import pytest
import torch

from sightline.errors import ModelError
from sightline.model.build import build
from sightline.model.mlp import mlp


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_all_pixels_reach_every_class(norm):
    torch.manual_seed(0)
    model, images = mlp(3, 2, img_size=5, hidden=(7, 4), norm=norm).eval(), torch.rand(2, 2, 5, 5, requires_grad=True)
    logits = model(images)
    logits.square().sum().backward()
    assert logits.shape == (2, 3) and bool((images.grad != 0).any(dim=0).sum() >= 45)


def test_hidden_layers_and_dropout_are_those_that_were_asked_for():
    model = mlp(4, 1, img_size=6, hidden=(9, 8, 5), dropout=0.5)
    widths = [
        (layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, torch.nn.Linear)
    ]
    assert widths == [(36, 9), (9, 8), (8, 5), (5, 4)]
    images = torch.rand(4, 1, 6, 6)
    assert not torch.equal(model.train()(images), model(images))
    assert torch.equal(model.eval()(images), model(images))


def test_it_is_built_for_the_size_of_the_images():
    built = build("mlp", 3, 1, {"hidden": [8]}, size=12)
    assert built.module.eval()(torch.zeros(2, 1, 12, 12)).shape == (2, 3)
    assert built.head == {"head.weight", "head.bias"} and built.depth["head.weight"] > built.depth["hidden.0.0.weight"]
    assert build("mlp", 3, 1, {"hidden": [8], "img_size": 4}, size=12).module.hidden[0][0].in_features == 16


@pytest.mark.parametrize("hidden", [[], [0], ["8"]])
def test_hidden_widths_are_checked(hidden):
    with pytest.raises(ModelError, match=r"mlp needs the width of each hidden layer \(model.options.hidden\)\n  got: "):
        build("mlp", 3, 1, {"hidden": hidden})
    with pytest.raises(ModelError, match=r"unknown norm 'group' .*\n  allowed: batch, layer, none"):
        build("mlp", 3, 1, {"norm": "group"})


def test_it_learns_a_handful_of_images_by_heart():
    torch.manual_seed(0)
    model, images, targets = mlp(4, 1, img_size=6), torch.randn(8, 1, 6, 6), torch.arange(8) % 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
