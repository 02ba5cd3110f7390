"""Several networks as one: averages, votes, views, and members that scale or name otherwise."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from made_up import random_classes, random_labels, random_numbers
from torch import nn

from sightline.data.contract import Contract
from sightline.data.outputs import Outputs
from sightline.evaluation.ensemble import VIEWS, Ensemble, Member
from sightline.evaluation.mixture import fit_shares, log_loss_of
from sightline.evaluation.predictions import Predictions


def contract(**changes: Any) -> Contract:
    fields: dict[str, Any] = {
        "classes": ("ant", "bee", "cat"), "color": "rgb", "height": 8, "width": 8, "resize": "squash", "shorter": 8,
        "interpolation": "bilinear", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3),
    }  # fmt: skip
    return Contract(**(fields | changes))


def network(seed: int, outputs: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(20, outputs)
    ).eval()


LABELS, NUMBERS = Outputs(kind="labels"), Outputs(kind="numbers", mean=(1.0, 2.0, 3.0), std=(2.0, 1.0, 0.5))
IMAGES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def together(own: Contract, networks: list[nn.Module], **how: Any) -> torch.Tensor:
    with torch.inference_mode():
        return Ensemble([Member(one, own, own) for one in networks], own, **how)(IMAGES)


@pytest.mark.parametrize("weights", [None, [0.7, 0.3]])
def test_probabilities_of_classes_are_averaged(weights: list[float] | None):
    networks = [network(1), network(2)]
    with torch.inference_mode():
        first, second = (one(IMAGES).softmax(1) for one in networks)
    share = weights[0] if weights else 0.5
    torch.testing.assert_close(
        together(contract(), networks, weights=weights).softmax(1), share * first + (1 - share) * second
    )


def test_probabilities_of_labels_and_values_of_numbers_are_averaged():
    networks = [network(1), network(2), network(3)]
    with torch.inference_mode():
        outputs = torch.stack([one(IMAGES) for one in networks])
    labels = together(contract(outputs=LABELS), networks).sigmoid()
    torch.testing.assert_close(labels, outputs.sigmoid().mean(0))
    torch.testing.assert_close(together(contract(outputs=NUMBERS), networks), outputs.mean(0))


def test_the_class_with_the_most_votes_wins_and_the_average_decides_between_equals():
    logits = torch.tensor([[[0.1, 0.0, 0.0]], [[0.1, 0.0, 0.0]], [[0.0, 9.0, 0.0]]])
    members = [_Says(one) for one in logits]
    assert together_of(members).argmax() == 0
    assert together_of(members[1:]).argmax() == 1
    assert together_of(members).softmax(1).sum() == pytest.approx(1.0)
    yes = [_Says(torch.tensor([[value, -value, 0.3]])) for value in (0.1, 0.1, -9.0)]
    votes = together_of(yes, contract(outputs=LABELS))
    assert (votes >= 0).tolist() == [[True, False, True]]


class _Says(nn.Module):
    def __init__(self, answer: torch.Tensor):
        super().__init__()
        self.answer = answer

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.answer.expand(len(images), -1)


def together_of(members: list[_Says], own: Contract | None = None) -> torch.Tensor:
    own = own or contract()
    return Ensemble([Member(one, own, own) for one in members], own, vote=True)(IMAGES[:1])


def test_a_member_that_scales_and_names_otherwise_says_the_same():
    own, net = contract(), network(1)
    other = contract(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7), classes=("cat", "ant", "bee"))
    pixels = torch.rand(4, 3, 8, 8)

    def scaled(one: Contract) -> torch.Tensor:
        return (pixels - torch.tensor(one.mean)[:, None, None]) / torch.tensor(one.std)[:, None, None]

    with torch.inference_mode():
        torch.testing.assert_close(Member(net, own, other)(scaled(other)), net(scaled(own))[:, [2, 0, 1]])
        assert torch.equal(Member(net, own, own)(IMAGES), net(IMAGES))


def test_a_member_with_other_units_of_its_outputs_says_the_same_numbers():
    own, net = contract(outputs=NUMBERS), network(1)
    outputs = Outputs(kind="numbers", mean=(30.0, 10.0, 20.0), std=(3.0, 4.0, 5.0))
    other = contract(outputs=outputs, classes=("cat", "ant", "bee"))
    with torch.inference_mode():
        values = NUMBERS.values(net(IMAGES).numpy())[:, [2, 0, 1]]
        member = Member(net, dataclasses.replace(own, mean=other.mean), dataclasses.replace(other, mean=other.mean))
        np.testing.assert_allclose(outputs.values(member(IMAGES).numpy()), values, rtol=1e-5, atol=1e-5)


def test_views_are_averaged():
    net = network(1)
    with torch.inference_mode():
        both = (net(IMAGES).softmax(1) + net(IMAGES.flip(3)).softmax(1)) / 2
    torch.testing.assert_close(together(contract(), [net], views=["hflip"]).softmax(1), both)
    mirrored = Ensemble([Member(net, contract(), contract())], contract(), views=["hflip", "vflip"])
    with torch.inference_mode():
        torch.testing.assert_close(mirrored(IMAGES), mirrored(IMAGES.flip(2)))
        torch.testing.assert_close(mirrored(IMAGES), mirrored(IMAGES.flip(3)))


@pytest.mark.parametrize(("name", "count"), [("hflip", 2), ("vflip", 2), ("crops", 6), ("scales", 3)])
def test_the_image_itself_is_the_first_view(name: str, count: int):
    views = VIEWS[name](IMAGES)
    assert len(views) == count and torch.equal(views[0], IMAGES)
    sizes = {tuple(view.shape[2:]) for view in views}
    assert sizes == ({(7, 7), (8, 8), (9, 9)} if name == "scales" else {(8, 8)})


def test_crops_show_the_corners_and_the_middle():
    ramp = torch.arange(64.0).view(1, 1, 8, 8)
    corners = [view[0, 0] for view in VIEWS["crops"](ramp)[1:5]]
    assert [float(view[y, x]) for view, (y, x) in zip(corners, [(0, 0), (0, 7), (7, 0), (7, 7)], strict=True)] == [
        0.0, 7.0, 56.0, 63.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "members",
    [
        [random_classes(seed, skill=skill) for seed, skill in ((1, 3), (2, 1), (3, 0))],
        [random_labels(seed, skill=skill) for seed, skill in ((1, 3), (2, 1), (3, 0))],
        [random_numbers(seed, noise=noise) for seed, noise in ((1, 0.3), (2, 1), (3, 5))],
    ],
    ids=["classes", "labels", "numbers"],
)
def test_no_other_shares_are_better_than_the_fitted_ones(members: list[Predictions]):
    shares = fit_shares(members)
    assert shares.sum() == pytest.approx(1) and (shares >= 0).all() and shares.argmax() == 0
    best = log_loss_of(members, shares)
    random = np.random.default_rng(0)
    others = [
        *random.dirichlet(np.ones(3), 200),
        *(0.99 * shares + 0.01 * one for one in random.dirichlet(np.ones(3), 50)),
    ]
    assert best <= min(log_loss_of(members, other) for other in others) + 1e-6
