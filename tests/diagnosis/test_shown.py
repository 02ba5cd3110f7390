"""Samples, inputs, users' probes, the graph and feature maps of a network."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from sightline.diagnosis.graph import graph_of
from sightline.diagnosis.maps import drawn, maps_of
from sightline.diagnosis.own import OwnProbe
from sightline.diagnosis.samples import MOST_VALUES, Inputs, Samples, chosen_layers, sample
from sightline.errors import ConfigError, PlugError
from sightline.model.build import build


@pytest.fixture
def images():
    return torch.randn(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def module():
    torch.manual_seed(0)
    return build("cnn", 3, 3, {"width": 4}).module


def test_patterns_choose_layers(module):
    assert list(chosen_layers(module, "stage1.block.conv*")) == ["stage1.block.conv1", "stage1.block.conv2"]
    assert list(chosen_layers(module, ("stem", "head"))) == ["stem", "head"]
    assert chosen_layers(module, ()) == {}
    with pytest.raises(ConfigError, match=r"no part of the network is called 'haed'") as raised:
        chosen_layers(module, "haed")
    assert "head" in raised.value.hint


def test_a_sample_is_all_of_a_small_tensor_and_evenly_spaced_of_a_large_one():
    small = torch.arange(10.0)
    taken = sample(small)
    small += 1
    assert taken.tolist() == list(range(10))
    large = torch.arange(3.0 * MOST_VALUES + 5)
    assert sample(large).tolist() == list(range(0, 3 * MOST_VALUES + 5, 4))


def test_samples_are_those_of_activations_gradients_and_weights(module, images):
    samples = Samples(chosen_layers(module, "head"), ["activations", "gradients", "weights"])
    samples.begin(1)
    with samples.forward():
        outputs = module(images)
    (outputs.sum() * 8).backward()
    samples.backward(torch.tensor(8.0))
    values, arrays = samples.told()
    found = arrays["histograms"]
    assert values == {} and set(found) == {
        "activations/head", "gradients/head.weight", "gradients/head.bias", "weights/head.weight", "weights/head.bias"
    }  # fmt: skip
    assert torch.equal(found["activations/head"], outputs.detach().flatten())
    assert found["gradients/head.bias"].tolist() == [12.0, 12.0, 12.0]
    assert torch.equal(found["weights/head.weight"], module.head.weight.detach().flatten())
    only = Samples(chosen_layers(module, "head"), ["weights"])
    only.begin(2)
    with only.forward():
        module(images)
    only.backward(torch.tensor(1.0))
    assert set(only.told()[1]["histograms"]) == {"weights/head.weight", "weights/head.bias"}


def test_inputs_are_shown_as_the_pixels_they_were(module):
    pixels = torch.randint(0, 256, (12, 8, 8, 3), dtype=torch.uint8)
    mean, std = (0.2, 0.3, 0.4), (0.5, 0.25, 0.2)
    scaled = (pixels.permute(0, 3, 1, 2) / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    inputs = Inputs(module, mean, std)
    seen = {}
    for step in (1, 2, 10, 50, 100, 110):
        inputs.begin(step)
        with inputs.forward():
            module(scaled)
        seen[step] = inputs.told()[1].get("inputs")
    assert [step for step, found in seen.items() if found is not None] == [1, 10, 100]
    assert torch.equal(seen[10], pixels[:8])


def test_a_network_that_is_called_by_names_shows_no_images(images):
    class Named(torch.nn.Module):
        def forward(self, *, pixels):
            return pixels.mean(dim=(1, 2, 3))

    module = Named()
    look = Inputs(module, [0.5], [0.25])
    look.begin(1)
    with look.forward():
        module(pixels=images)
    assert look.told() == ({}, {})
    assert len(sample(torch.zeros(0, 3))) == 0


def asked(module, images, probe):
    told = []
    own = OwnProbe(probe, "my:probe", chosen_layers(module, ("stem.*", "head")), told.append)
    for step in (1, 2):
        own.begin(step)
        with own.forward():
            module(images)
        values, arrays = own.told()
        assert arrays == {}
    return values, told


def test_a_probe_of_ones_own_gives_numbers_by_layer_and_name(module, images):
    def probe(name, layer, output):
        return {"highest": output.max(), "layer": len(name), "drawn": torch.rand(()) > 2}

    state = torch.get_rng_state()
    values, told = asked(module, images, probe)
    assert torch.equal(torch.get_rng_state(), state) and told == []
    assert list(values)[:3] == ["probe/stem.0/highest", "probe/stem.0/layer", "probe/stem.0/drawn"]
    assert len(values) == 12 and values["probe/head/layer"] == 4.0
    assert float(values["probe/head/highest"]) == float(module(images).detach().max())


def test_a_probe_that_fails_is_told_of_once(module, images):
    def probe(name, layer, output):
        raise KeyError(name)

    values, told = asked(module, images, probe)
    assert values == {} and told == ["warning: watch.probe my:probe failed and is not asked again: KeyError: 'stem.0'"]


def test_a_probe_that_changes_the_training_is_refused(module, images):
    with pytest.raises(PlugError, match=r"changed the output of stem\.0"):
        asked(module, images, lambda name, layer, output: {"sum": output.mul_(2).sum()})


@pytest.mark.parametrize("name", ["cnn", "resnet18", "vit_tiny_patch16_224"])
def test_the_graph_leads_from_the_images_to_the_head(name):
    built = build(name, 5, 3, {})
    side = 224 if name.startswith("vit") else 32
    built.module.train()
    modes = {part: part.training for part in built.module.modules()}
    state = {key: value.clone() for key, value in built.module.state_dict().items()}
    nodes = graph_of(built.module, torch.zeros(1, 3, side, side))
    assert nodes[0].name == "images" and nodes[-1].shape == (1, 5)
    names = [node.name for node in nodes]
    assert len(set(names)) == len(names)
    known = set()
    for node in nodes:
        assert set(node.inputs) <= known, node
        known.add(node.name)
    assert any(node.operation == ("linear" if name == "vit_tiny_patch16_224" else "conv2d") for node in nodes)
    assert all(part.training == mode for part, mode in modes.items())
    assert all(torch.equal(value, state[key]) for key, value in built.module.state_dict().items())
    reached, edges = {"images"}, {node.name: node.inputs for node in nodes}
    for node in names:
        reached |= {node} if reached & set(edges[node]) else set()
    assert names[-1] in reached


def test_feature_maps_are_what_the_layers_give(module, images):
    layers = chosen_layers(module, ("stem", "stage3", "head"))
    found = maps_of(module, layers, images[:2])
    assert [list(maps) for maps in found] == [["stem"]] * 2  # stage3 has a single place
    with torch.no_grad():
        assert np.array_equal(found[1]["stem"], module.stem(images[:2])[1].numpy())
    assert not any(part._forward_hooks for part in module.modules())


def test_tokens_are_laid_out_as_a_square():
    built = build("vit_tiny_patch16_224", 5, 3, {})
    (found,) = maps_of(built.module, chosen_layers(built.module, "blocks.0"), torch.randn(1, 3, 224, 224))
    assert found["blocks.0"].shape == (192, 14, 14)


def test_maps_are_drawn_from_black_to_white():
    maps = np.stack([np.array([[0.0, 1.0], [2.0, 4.0]]), np.full((2, 2), 7.0)]).astype(np.float32)
    picture = drawn(maps)
    assert picture.shape == (48, 98)
    assert [picture[0, 0], picture[0, 30], picture[30, 0], picture[47, 47]] == [0, 64, 128, 255]
    assert picture[:, 50:].max() == 0 and (picture[:, 48:50] == 128).all()
    assert drawn(functional.relu(torch.randn(100, 3, 3)).numpy()).shape == (8 * 50 - 2, 8 * 50 - 2)
