"""A network that gives probabilities is found before a loss of logits trains it; one that gives logits never is."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from sightline.errors import ModelError
from sightline.model.build import build
from sightline.task.logits import refuse_softmax

IMAGES = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    def __init__(self, ending=None, last=None):
        super().__init__()
        self.layer, self.ending, self.last = nn.Linear(128, 3), ending or (lambda logits: logits), last

    def forward(self, x):
        logits = self.ending(self.layer(x.flatten(1)))
        return logits if self.last is None else self.last(logits)


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (Net(last=nn.Softmax(dim=1)), "its last layer is a softmax"),
        (Net(last=nn.Sequential(nn.Dropout(0.5), nn.Softmax(dim=1))), "its last layer is a softmax"),
        (Net(last=nn.Sigmoid()), "its last layer is a sigmoid"),
        (Net(lambda logits: functional.softmax(logits, 1)), "each row is not negative and sums to 1"),
        (Net(lambda logits: logits.exp() / logits.exp().sum(1, keepdim=True)), "each row is not negative"),
    ],
)
def test_probabilities_are_refused(module, found):
    torch.manual_seed(0)
    with pytest.raises(ModelError, match=rf"the model gives probabilities, and focal takes logits.*\n  got: .*{found}"):
        refuse_softmax(module, IMAGES, loss="focal", where="model.name")


@pytest.mark.parametrize(
    "module",
    [
        Net(),
        Net(torch.relu),
        Net(lambda logits: logits.abs()),
        Net(lambda logits: functional.softmax(logits, 1) * 3),
        Net(torch.zeros_like),
        Net(lambda logits: torch.full_like(logits, 0.5)),
        Net(nn.Softmax(dim=1), last=nn.Linear(3, 3)),
        Net(last=nn.LogSoftmax(dim=1)),
        Net(lambda logits: 1 / 0),
    ],
    ids=lambda _: "",
)
def test_logits_pass_whatever_they_look_like(module):
    refuse_softmax(module, IMAGES, loss="cross_entropy", where="model.name")


def test_logarithms_of_probabilities_pass_because_the_loss_is_the_same():
    logits, targets = torch.randn(6, 3), torch.arange(6) % 3
    expected = functional.cross_entropy(logits, targets, label_smoothing=0.1)
    torch.testing.assert_close(functional.cross_entropy(logits.log_softmax(1), targets, label_smoothing=0.1), expected)


@pytest.mark.parametrize("name", ["cnn", "resnet18", "test_vit"])
def test_built_networks_pass(name):
    torch.manual_seed(0)
    refuse_softmax(build(name, 2, 3, {}, size=32).module, torch.randn(4, 3, 32, 32), loss="cross_entropy", where="x")


def test_looking_changes_neither_mode_nor_statistics_nor_random_numbers():
    module = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(128), nn.Linear(128, 3)).train()
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    refuse_softmax(module, IMAGES, loss="cross_entropy", where="x")
    assert module.training and not module[1].running_mean.any() and torch.equal(torch.rand(1), expected)
    assert not any(layer._forward_hooks for layer in module.modules())
