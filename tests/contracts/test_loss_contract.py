"""Every built-in loss honours the contract that a user's own has to honour."""

import pytest
import torch
from torch.nn import functional

from sightline.errors import PlugError
from sightline.testing import check_loss
from sightline.training.config import LossConfig
from sightline.training.losses import LOSSES


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("name", LOSSES)
def test_built_in_losses(name, smoothing, gamma):
    check_loss(LOSSES[name], LossConfig(name=name, label_smoothing=smoothing, gamma=gamma))


def of(function):
    return lambda config: function


def mean_loss(logits, targets):
    return functional.cross_entropy(logits, targets)


def centered_on_the_batch(logits, targets):
    return functional.cross_entropy(logits - logits.mean(dim=0), targets, reduction="none")


def overflowing(logits, targets):
    shares = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return -shares[torch.arange(len(targets)), targets].log()


def numbers_only(logits, targets):
    return -logits.log_softmax(dim=1).gather(1, targets[:, None])[:, 0]


def largest_share(logits, targets):
    if targets.ndim == 2:
        return 2 * numbers_only(logits, targets.argmax(dim=1))
    return numbers_only(logits, targets)


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
        (of(numbers_only), r"takes shares of classes \[n, classes\] as targets\n  got: RuntimeError"),
        (of(largest_share), "gives for shares of classes that are all on one class what that class gives"),
    ],
)
def test_a_broken_clause_is_named(make, clause):
    with pytest.raises(PlugError, match="broken contract: a loss " + clause):
        check_loss(make)


def test_a_loss_for_unmixed_images_need_not_take_shares():
    check_loss(of(numbers_only), mixed=False)
