"""What is seen of a layer is what torch says of its output, its weights and its gradient."""

import math

import pytest
import torch
from torch import nn

from sightline.diagnosis.probes import FIGURES, Probes, is_due, watched_layers
from sightline.diagnosis.samples import Samples
from sightline.diagnosis.watcher import Watcher
from sightline.model.build import build
from sightline.records import Record

CPU = torch.device("cpu")


class Small(nn.Module):
    """Two layers that are met in another order than they are made in, one that is never met."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.unused = nn.Linear(2, 2)
        self.gate = nn.Sigmoid()
        self.act = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(3, 4, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, images):
        maps = self.act(self.conv(images))
        return self.head(self.gate(self.drop(maps.mean(dim=(2, 3)))))


def looked(module, images, rate=0.1, scale=1.0):
    """A look at one step of plain gradient descent, as rows by layer and figure."""
    probes = Probes(module, CPU)
    probes.begin(1)
    with probes.forward():
        outputs = module(images)
    (outputs.square().sum() * scale).backward()
    probes.backward(torch.tensor(scale))
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=rate / scale)
    values, arrays = probes.told()
    assert arrays == {}
    plain = Record(kind="look", step=1, epoch=0.1, values=values).plain()
    assert plain["figures"] == list(FIGURES)
    return plain["layers"], plain["kinds"], [dict(zip(FIGURES, row, strict=True)) for row in plain["table"]]


def close(value):
    return pytest.approx(float(value), rel=1e-5)


@pytest.fixture
def images():
    return torch.randn(5, 3, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def module():
    torch.manual_seed(0)
    return Small()


def test_looks_become_rare():
    assert [step for step in range(1, 400) if is_due(step, 100)] == [1, 2, 5, 10, 20, 50, 100, 200, 300]
    assert [step for step in range(12) if is_due(step, 3)] == [1, 2, 3, 6, 9]
    assert [step for step in range(1, 70) if is_due(step, 30)] == [1, 2, 5, 10, 20, 30, 60]
    assert not any(is_due(step, 0) for step in range(200))


def test_layers_stand_in_the_order_of_the_pass_and_those_it_leaves_out_come_last(module, images):
    layers, kinds, _ = looked(module, images)
    assert layers == ["conv", "act", "gate", "head", "unused"]
    assert kinds == ["Conv2d", "ReLU", "Sigmoid", "Linear", "Linear"]


@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_the_figures_are_those_of_torch(module, images, scale):
    state = torch.get_rng_state()
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    _, _, rows = looked(module, images, scale=scale)
    again = Small()
    again.load_state_dict(weights)
    outputs = {}
    for name in ("conv", "act", "gate", "head"):
        again.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: outputs.update({name: output.detach().clone()})
        )
    torch.set_rng_state(state)
    again(images).square().sum().backward()
    conv, act, gate, head, unused = rows
    flat = torch.cat([again.conv.weight.flatten(), again.conv.bias]).detach()
    slope = torch.cat([again.conv.weight.grad.flatten(), again.conv.bias.grad])
    assert conv["weight_norm"] == close(flat.norm())
    assert conv["gradient_norm"] == close(slope.norm())
    assert conv["update_ratio"] == pytest.approx(float(0.1 * slope.norm() / flat.norm()), rel=1e-3)
    assert conv["mean"] == close(outputs["conv"].mean()) and conv["std"] == close(outputs["conv"].std(correction=0))
    assert conv["zeros"] == 0 and conv["dead"] == 0 and conv["saturated"] is None
    assert act["zeros"] == close((outputs["act"] == 0).float().mean()) and 0.2 < act["zeros"] < 0.8
    assert act["weight_norm"] is act["gradient_norm"] is act["update_ratio"] is None
    assert gate["saturated"] == 0 and head["mean"] == close(outputs["head"].mean())
    assert unused["gradient_norm"] is None and unused["mean"] is None and unused["update_ratio"] == 0


def test_channels_that_are_zero_everywhere_are_dead(module, images):
    with torch.no_grad():
        module.conv.bias[1:3] = -100.0
    rows = dict(zip(*looked(module, images)[::2], strict=True))
    assert rows["act"]["dead"] == 0.5 and rows["conv"]["dead"] == 0
    tokens = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        tokens[0].bias[:2] = -1e4
        tokens[0].bias[2:] = 10.0
    rows = dict(zip(*looked(tokens, torch.rand(2, 6, 4))[::2], strict=True))
    assert rows["1"]["dead"] == 0.25 and rows["2"]["dead"] == 0.25


@pytest.mark.parametrize(
    ("layer", "share"),
    [(nn.Sigmoid(), 2 / 6), (nn.Tanh(), 4 / 6), (nn.ReLU6(), 1 / 6), (nn.Hardtanh(), 4 / 6), (nn.ReLU(), None)],
    ids=lambda value: type(value).__name__,
)
def test_saturated_outputs_are_within_a_hundredth_of_a_bound(layer, share):
    network = nn.Sequential(layer, nn.Linear(6, 2))
    _, _, rows = looked(network, torch.tensor([[-9.0, -4.0, 0.1, 0.5, 3.0, 9.0]]))
    assert rows[0]["saturated"] == (None if share is None else close(share))


def test_what_is_not_finite_is_nothing(images):
    module = nn.Sequential(nn.Flatten(), nn.Linear(108, 2))
    with torch.no_grad():
        module[1].weight.fill_(math.inf)
    _, _, rows = looked(module, images)
    assert rows[0]["mean"] is None and rows[0]["weight_norm"] is None


def test_a_layer_that_is_called_twice_is_seen_the_first_time():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.eye(2) * 3
    network = nn.Sequential(layer, layer)
    _, _, rows = looked(network, torch.ones(1, 2))
    assert [row["mean"] for row in rows] == [3.0]


class Unusual(nn.Module):
    """Parameters of its own beside one part: a temperature that gives a number, or only a way to lay images out."""

    def __init__(self, tempered):
        super().__init__()
        self.part = Temperature() if tempered else nn.Flatten()
        self.weight = nn.Parameter(torch.ones(108, 2))

    def forward(self, images):
        answers = images.flatten(1) @ self.weight
        return answers * self.part(images) if isinstance(self.part, Temperature) else answers


class Temperature(nn.Module):
    def __init__(self):
        super().__init__()
        self.log = nn.Parameter(torch.zeros(()))
        self.count = nn.Parameter(torch.zeros(3, dtype=torch.int64), requires_grad=False)

    def forward(self, _):
        return self.log.exp()


@pytest.mark.parametrize(("tempered", "name", "size"), [(True, "part", 0.0), (False, "network", 216**0.5)])
def test_networks_whose_layers_are_of_no_usual_form_are_looked_at_too(tempered, name, size, images):
    layers, _, rows = looked(Unusual(tempered), images)
    assert layers == [name] and rows[0]["weight_norm"] == close(size) and rows[0]["gradient_norm"] > 0


def test_nothing_stays_behind(module, images):
    probes = Watcher([Probes(module, CPU), Samples(dict(module.named_modules()), ["activations"])], 2)
    probes.begin(2)
    assert probes.due and probes.waiting
    with pytest.raises(RuntimeError, match="interrupted"), probes.forward():
        raise RuntimeError("interrupted")
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    probes.begin(3)
    assert not probes.due and not probes.waiting


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_layers_of_published_networks(name):
    built = build(name, 5, 3, {})
    layers = watched_layers(built.module)
    mine = {f"{layer}.{key}" for layer, part in layers.items() for key, _ in part.named_parameters(recurse=False)}
    every = {key for key, _ in built.module.named_parameters()}
    assert {key for key in every - mine if "." in key} == set()
    assert any(type(layer).__name__ in ("ReLU", "GELU", "Hardswish", "HardSwish") for layer in layers.values())
