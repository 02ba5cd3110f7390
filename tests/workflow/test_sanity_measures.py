"""What is measured before a training, held against what is known of it."""

import math

import pytest
import torch
from torch import nn

from sightline.data.contract import Contract
from sightline.data.outputs import Outputs
from sightline.task.classification import Classification
from sightline.task.multilabel import Multilabel
from sightline.task.regression import Regression
from sightline.training.config import LossConfig
from sightline.training.losses import make_loss
from sightline.workflow.sanity_answers import answered
from sightline.workflow.sanity_start import least_loss

IMAGES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def contract(classes: int, outputs: Outputs | None = None) -> Contract:
    return Contract(
        classes=tuple(f"c{number}" for number in range(classes)), color="rgb", height=8, width=8, resize="squash",
        shorter=8, interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3, outputs=outputs,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "blind", "least"),
    [
        ("cross_entropy", math.log(4), 0.0),
        ("focal", 0.75**2 * math.log(4), 0.0),
        ("bce", math.log(2), 0.0),
        ("hinge", 0.75, 0.0),
    ],
)
def test_the_loss_of_guessing_is_what_the_formula_gives(name: str, blind: float, least: float):
    loss = make_loss(LossConfig(name=name, label_smoothing=0.0))
    found = least_loss(Classification(contract(4), loss), contract(4), IMAGES, torch.arange(6) % 4)
    assert found == pytest.approx((blind, least), abs=1e-6)


def test_right_outputs_of_a_smoothed_loss_have_the_entropy_of_its_targets():
    loss = make_loss(LossConfig(name="cross_entropy", label_smoothing=0.2))
    _, least = least_loss(Classification(contract(2), loss), contract(2), IMAGES, torch.arange(6) % 2)
    assert least >= -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert least == pytest.approx(0.3251, abs=0.005)


def test_labels_and_numbers_have_a_least_loss_of_0():
    own = contract(3, Outputs(kind="labels", threshold=0.5))
    targets = (torch.arange(18).view(6, 3) % 2).float()
    labels = Multilabel(own, make_loss(LossConfig(), kind="labels"))
    assert least_loss(labels, own, IMAGES, targets) == pytest.approx((math.log(2), 0.0), abs=1e-6)
    own = contract(2, Outputs(kind="numbers", mean=(10.0, 0.0), std=(2.0, 1.0)))
    targets = torch.tensor([[12.0, 3.0], [8.0, 1.0]])
    numbers = Regression(own, make_loss(LossConfig(), kind="numbers"))
    assert least_loss(numbers, own, IMAGES[:2], targets) == pytest.approx((3.0, 0.0))


class Plain(nn.Module):
    """Each image by itself."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(192, 4)
        self.norm = nn.BatchNorm1d(4, track_running_stats=self.batch_statistics)

    batch_statistics = True

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.layer(images.flatten(1)))


class OfTheBatch(Plain):
    """Statistics of the batch in evaluation, too."""

    batch_statistics = False


class Sorted(Plain):
    """Ranks within the batch, which have no gradient."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images.flatten(1)) + images.flatten(1).mean(dim=1).argsort().float()[:, None]


def test_a_network_that_sees_each_image_by_itself_has_no_gradient_from_others():
    found = answered(Plain(), IMAGES)
    assert found.crossed == 0 and found.apart < 1e-6 and found.spread > 0.1 and not found.refused


def test_statistics_of_the_batch_leak():
    found = answered(OfTheBatch(), IMAGES)
    assert found.crossed > 0.01 or found.refused


def test_what_has_no_gradient_is_found_by_asking_about_an_image_alone():
    found = answered(Sorted(), IMAGES)
    assert found.crossed == 0 and found.apart > 0.1


def test_outputs_that_are_always_the_same_have_no_spread():
    module = Plain()
    nn.init.zeros_(module.layer.weight)
    found = answered(module, IMAGES)
    assert found.spread < 1e-6 < found.size


def test_the_images_and_the_network_stay_as_they_are():
    module, before = Plain(), IMAGES.clone()
    answered(module, IMAGES)
    assert torch.equal(IMAGES, before) and not IMAGES.requires_grad
    assert all(parameter.grad is None for parameter in module.parameters())
