"""A heat map looks at the right layer of each kind of network, and at the right place of an image."""

import numpy as np
import pytest
import torch
from torch import nn

from sightline.errors import MissingExtra, ModelError
from sightline.evaluation.heat_maps import heat_maps
from sightline.model.build import build
from sightline.model.places import place_of


class Bright(nn.Module):
    """Answers class 0 by the red in an image and class 1 by the blue."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(3, 2, 1, bias=False)
        self.features.weight.data = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])[:, :, None, None]
        self.act = nn.ReLU()

    def forward(self, images):
        return self.act(self.features(images)).mean(dim=(2, 3))


def test_a_map_is_bright_where_the_class_is():
    images = torch.zeros(2, 3, 8, 8)
    images[:, 0, :2, :2] = 1.0
    images[:, 2, 5:, 5:] = 1.0
    maps = heat_maps(Bright(), images, [0, 1])
    assert maps.shape == (2, 8, 8)
    assert np.array_equal(maps[0] > 0.5, images[0, 0].numpy() > 0)
    assert np.array_equal(maps[1] > 0.5, images[1, 2].numpy() > 0)


def test_maps_equal_the_formula_of_the_paper():
    torch.manual_seed(0)
    network = build("cnn", 3, 3, {"width": 8}).module.eval()
    images = torch.rand(3, 3, 16, 16)
    place = place_of(network, images[:1])
    kept = []
    hook = place.layer.register_forward_hook(lambda _, __, out: kept.append(out))
    scores = network(images)
    hook.remove()
    [gradient] = torch.autograd.grad(scores[range(3), [2, 0, 1]].sum(), kept[0])
    raw = (gradient * kept[0]).sum(dim=1).relu().detach().numpy()
    scaled = (raw - raw.min((1, 2), keepdims=True)) / (np.ptp(raw, (1, 2), keepdims=True) + 1e-7)
    side = raw.shape[-1]
    got = heat_maps(network, images, [2, 0, 1], place)
    if side == 16:
        np.testing.assert_allclose(got, scaled, atol=1e-5)
    else:  # drawn larger by interpolation
        assert np.corrcoef(got[:, :: 16 // side, :: 16 // side].ravel(), scaled.ravel())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("name", "size", "rows", "tokens"),
    [
        ("resnet10t", 64, 2, None),
        ("mobilenetv3_small_050", 64, 2, None),
        ("vit_tiny_patch16_224", 64, 4, (4, 4)),
        ("deit_tiny_distilled_patch16_224", 64, 4, (4, 4)),
        ("swin_s3_tiny_224", 224, 7, None),
        ("convnext_atto", 64, 2, None),
    ],
)
def test_the_layer_has_places_and_the_network_stays_as_it_was(name, size, rows, tokens):
    torch.manual_seed(0)
    options = {"img_size": size} if "patch" in name else {}
    network = build(name, 4, 3, options).module.eval()
    for parameter in list(network.parameters())[:4]:
        parameter.requires_grad_(False)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    asked = [parameter.requires_grad for parameter in network.parameters()]
    images = torch.rand(2, 3, size, size)
    place = place_of(network, images[:1])
    kept = []
    hook = place.layer.register_forward_hook(lambda _, __, out: kept.append(place.as_picture(out)))
    network(images)
    hook.remove()
    assert kept[0].shape[2:] == (rows, rows)
    assert place.tokens == tokens
    maps = heat_maps(network, images, [0, 3], place)
    assert maps.shape == (2, size, size)
    assert 0 <= maps.min() <= maps.max() <= 1
    assert all(value.equal(before[key]) for key, value in network.state_dict().items())
    assert [parameter.requires_grad for parameter in network.parameters()] == asked
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.training


def test_a_network_without_places_is_refused():
    network = build("mlp", 4, 3, {"img_size": 8}).module
    with pytest.raises(ModelError, match="no layer of this network has features of several places"):
        heat_maps(network, torch.rand(1, 3, 8, 8), [0])


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pytorch_grad_cam", None)
    with pytest.raises(MissingExtra, match="sightline\\[explain\\]"):
        heat_maps(Bright(), torch.rand(1, 3, 8, 8), [0])
