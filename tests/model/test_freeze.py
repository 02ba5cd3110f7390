"""A frozen backbone learns nothing, its batch statistics included."""

import pytest
import torch

from sightline.model.build import build
from sightline.model.freeze import backbone_of, set_frozen, training_mode


@pytest.fixture
def built():
    torch.manual_seed(0)
    return build("cnn", 3, 1, {"width": 8, "dropout": 0.5})


def step(built, frozen):
    """One optimizer step; the tensors that changed."""
    before = {key: value.clone() for key, value in built.module.state_dict().items()}
    names = backbone_of(built) if frozen else frozenset()
    set_frozen(built, names)
    training_mode(built, names)
    optimizer = torch.optim.SGD(built.module.parameters(), lr=0.1)
    torch.nn.functional.cross_entropy(built.module(torch.rand(6, 1, 9, 9)), torch.arange(6) % 3).backward()
    optimizer.step()
    return {key for key, value in built.module.state_dict().items() if not torch.equal(value, before[key])}


def test_only_the_head_learns_while_frozen(built):
    assert step(built, True) == {"head.weight", "head.bias"}
    assert built.module.dropout.training and not built.module.stage1.norm.training


def test_everything_learns_afterwards(built):
    step(built, True)
    assert step(built, False) == set(built.module.state_dict())


def test_batch_norms_of_the_head_keep_learning(built):
    built.module.head = torch.nn.Sequential(torch.nn.Linear(32, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3))
    names = frozenset(key for key, _ in built.module.named_parameters() if key.startswith("head."))
    changed = step(type(built)(built.module, names, built.depth), True)
    assert "head.1.running_mean" in changed and all(key.startswith("head.") for key in changed)


def test_what_the_network_keeps_from_learning_does_not_learn(monkeypatch, tmp_path):
    (tmp_path / "still.py").write_text(
        "from torch import nn\n\n\n"
        "def net(num_classes, in_chans):\n"
        "    module = nn.Sequential(nn.Flatten(), nn.Linear(81 * in_chans, 4), nn.ReLU(), nn.Linear(4, num_classes))\n"
        "    module[1].requires_grad_(False)\n"
        "    return module\n"
    )
    monkeypatch.chdir(tmp_path)
    assert step(build("still:net", 3, 1, {}), False) == {"3.weight", "3.bias"}
