"""Every built-in loss honours the contract that a user's own has to honour."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

from sightline.data.outputs import Kind
from sightline.errors import PlugError
from sightline.testing import check_box_loss, check_loss
from sightline.training.boxes import BOX_LOSSES, iou
from sightline.training.config import LossConfig
from sightline.training.losses import LOSSES

VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "cross_entropy": ({"label_smoothing": 0.0}, {"label_smoothing": 0.1}),
    "focal": tuple({"gamma": gamma, "label_smoothing": smooth} for gamma in (0.0, 0.5, 2.0) for smooth in (0.0, 0.1)),
    "bce": ({"label_smoothing": 0.0}, {"label_smoothing": 0.1, "sum_classes": True}),
    "hinge": ({}, {"margin": 0.5, "power": 2}, {"margin": 0.0}),
    "triplet": ({}, {"margin": 0.3, "weight": 2.0, "label_smoothing": 0.0}),
    "mse": ({},),
    "mae": ({},),
    "msle": ({},),
    "huber": ({}, {"delta": 0.2}),
}
BUILT_IN = [
    pytest.param(kind, name, changes, id=f"{kind}-{name}-{place}")
    for kind, losses in LOSSES.items()
    for name in losses
    for place, changes in enumerate(VARIANTS[name])
]


@pytest.mark.parametrize(("kind", "name", "changes"), BUILT_IN)
def test_built_in_losses(kind: Kind, name: str, changes: dict[str, Any]):
    check_loss(LOSSES[kind][name], LossConfig(name=name, **changes), kind=kind)


@pytest.mark.parametrize("name", BOX_LOSSES)
def test_built_in_losses_of_boxes(name: str):
    check_box_loss(BOX_LOSSES[name], gradient=name != "ciou")


@pytest.mark.parametrize(
    ("loss", "clause"),
    [
        (lambda boxes, targets: (boxes - targets).square().mean(), "gives one value per pair of boxes"),
        (lambda boxes, targets: iou(boxes, targets) + 0.1, "is 0 for equal boxes and never below"),
        (lambda boxes, targets: iou(boxes * 1.1, targets * 1.1) + boxes[:, 0] - targets[:, 0], "is 0 for equal boxes"),
        (lambda boxes, targets: (boxes - targets).square().sum(1) / boxes.square().sum(1), "wherever both boxes lie"),
        (lambda boxes, targets: iou(boxes.detach(), targets) + 0 * boxes.sum(1), "has the gradient of its values"),
    ],
)
def test_a_broken_loss_of_boxes_is_told(loss: Callable[..., Any], clause: str):
    with pytest.raises(PlugError, match=f"broken contract: a loss .*{clause}"):
        check_box_loss(loss)


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


class OfBatch:
    of_batch = True

    def __init__(self, spoil=False):
        self.spoil = spoil

    def alone(self, logits, targets):
        return functional.cross_entropy(logits, targets, reduction="none")

    def __call__(self, logits, targets):
        middle = logits[:1] if self.spoil else logits.mean(dim=0)
        return self.alone(logits - middle, targets)


def test_a_loss_of_whole_batches_says_so_and_may_then_look_at_its_neighbours_in_any_order():
    check_loss(lambda config: OfBatch())
    with pytest.raises(PlugError, match="does not depend on the order of a batch"):
        check_loss(lambda config: OfBatch(spoil=True))
    with pytest.raises(PlugError, match="does not say by what an image is judged"):
        check_loss(of(silent))


def silent(logits, targets):
    return OfBatch()(logits, targets)


silent.of_batch = True


def everywhere(config):
    class Heavy:
        def __call__(self, logits, targets):
            return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)

        def weighed(self, weights):
            return lambda logits, targets: self(logits, targets) * weights.to(logits).mean()

    return Heavy()


def test_weights_of_labels_act_on_the_images_that_have_them():
    with pytest.raises(PlugError, match="weighs the images that have a label, and no others"):
        check_loss(everywhere, kind="labels")


def test_what_rounds_in_bfloat16_is_told():
    def crude(logits, targets):
        return functional.cross_entropy(
            logits.half() if logits.dtype == torch.bfloat16 else logits, targets, reduction="none"
        ) * (2 if logits.dtype == torch.bfloat16 else 1)

    with pytest.raises(PlugError, match="gives in bfloat16 nearly what it gives in float32"):
        check_loss(of(crude), mixed=False)
