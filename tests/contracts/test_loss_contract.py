"""Every built-in loss honours the contract that a user's own has to honour."""

import pytest
import torch
from torch.nn import functional

from sightline.errors import PlugError
from sightline.testing import check_loss
from sightline.training.config import LossConfig
from sightline.training.losses import LOSSES


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("name", LOSSES)
def test_built_in_losses(name, smoothing):
    check_loss(LOSSES[name], LossConfig(name=name, label_smoothing=smoothing))


def of(function):
    return lambda config: function


def mean_loss(logits, targets):
    return functional.cross_entropy(logits, targets)


def centered_on_the_batch(logits, targets):
    return functional.cross_entropy(logits - logits.mean(dim=0), targets, reduction="none")


def overflowing(logits, targets):
    shares = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return -shares[torch.arange(len(targets)), targets].log()


class WrongSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits):
        return logits.square().sum(dim=1)

    @staticmethod
    def backward(ctx, grad):
        return grad[:, None].expand(-1, 5).contiguous()


@pytest.mark.parametrize(
    ("make", "clause"),
    [
        (lambda config: None, r"is a function of logits and targets\n  got: NoneType"),
        (of(mean_loss), r"gives one value per sample\n  got: \[\] for logits \[7, 5\]"),
        (of(centered_on_the_batch), "gives a sample the same value in any batch"),
        (of(overflowing), "is finite, with its gradient, for logits of ±100"),
        (of(lambda logits, targets: WrongSlope.apply(logits)), "has the gradient of its values"),
    ],
)
def test_a_broken_clause_is_named(make, clause):
    with pytest.raises(PlugError, match="broken contract: a loss " + clause):
        check_loss(make)
