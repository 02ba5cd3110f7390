"""Several networks, or several views of an image, as one network that gives logits like any other."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from sightline.data.contract import Contract

How = Literal["average", "weighted", "vote"]
SHARE = 7 / 8
"""Side of a crop, as a share of the image's."""
SCALES = (7 / 8, 9 / 8)
"""Sizes at which an image is seen beside its own."""


class Member(nn.Module):
    """One network, fed and read as the contract of the ensemble says.

    Args:
        module: images scaled by its own contract to outputs ``[n, classes]`` in its own order.
        own: the contract it was trained with.
        like: that of the ensemble; it may scale, name and measure otherwise, but shows the same pixels.
    """

    factor: Tensor
    shift: Tensor
    order: Tensor
    spread: Tensor
    middle: Tensor

    def __init__(self, module: nn.Module, own: Contract, like: Contract):
        super().__init__()
        self.module = module
        self.rescaled = (own.mean, own.std) != (like.mean, like.std)
        self.reordered = own.classes != like.classes
        self.least = own.outputs.least_logit if own.kind == "labels" and own.outputs is not None else 0.0
        mean, std, new_mean, new_std = (
            torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)
            for values in (own.mean, own.std, like.mean, like.std)
        )
        self.register_buffer("factor", (new_std / std).float(), persistent=False)
        self.register_buffer("shift", ((new_mean - mean) / std).float(), persistent=False)
        places = [own.classes.index(name) for name in like.classes]
        self.register_buffer("order", torch.tensor(places), persistent=False)
        scales = _scales(own, like) if own.kind == "numbers" else (torch.ones(1), torch.zeros(1))
        self.remeasured = own.kind == "numbers" and own.outputs != like.outputs
        for name, value in zip(("spread", "middle"), scales, strict=True):
            self.register_buffer(name, value, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``[n, channels, h, w]`` scaled by the ensemble's contract to outputs ``[n, classes]`` of its order."""
        outputs = self.module(images * self.factor + self.shift if self.rescaled else images)
        outputs = outputs[:, self.order] if self.reordered else outputs
        return outputs * self.spread + self.middle if self.remeasured else outputs


def _scales(own: Contract, like: Contract) -> tuple[Tensor, Tensor]:
    """Factor and offset from standard deviations of one contract to those of another, in the order of the other."""
    assert own.outputs is not None and like.outputs is not None
    ours = own.outputs.in_order([own.classes.index(name) for name in like.classes])
    mean, std, new_mean, new_std = (
        torch.tensor(values, dtype=torch.float64)
        for values in (ours.mean, ours.std, like.outputs.mean, like.outputs.std)
    )
    return (std / new_std).float(), ((mean - new_mean) / new_std).float()


class Ensemble(nn.Module):
    """The mean of what several members say of several views of an image, or their vote.

    Of one class an image the probabilities are averaged, of labels those of each label, of numbers the values. The
    logits that come out are those whose softmax (sigmoid) gives the average. A vote counts each member's answer once;
    where two classes have as many votes, the average decides.

    Args:
        members: the networks.
        contract: that of the ensemble.
        weights: share of each member, summing to 1; missing: equal shares.
        vote: whether members vote.
        views: names of ``VIEWS``; several are combined, every view of every view.
    """

    log_weights: Tensor
    least: Tensor

    def __init__(
        self,
        members: Sequence[Member],
        contract: Contract,
        *,
        weights: Sequence[float] | None = None,
        vote: bool = False,
        views: Sequence[str] = (),
    ):
        super().__init__()
        self.members, self.kind, self.vote = nn.ModuleList(members), contract.kind, vote
        self.views = tuple(VIEWS[name] for name in views)
        shares = torch.tensor(weights or [1 / len(members)] * len(members), dtype=torch.float64)
        self.register_buffer("log_weights", shares.log().float()[:, None, None], persistent=False)
        least = torch.tensor([member.least for member in members], dtype=torch.float32)
        self.register_buffer("least", least[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``[n, channels, h, w]`` to logits, or numbers in standard deviations, ``[n, classes]``."""
        seen = [images]
        for view in self.views:
            seen = [other for one in seen for other in view(one)]
        outputs = [_asked(member, seen) for member in self.members]
        if self.kind == "numbers":
            means = torch.stack([one.mean(0) for one in outputs])
            return (means * self.log_weights.exp()).sum(0)
        if self.kind == "labels":
            yes = torch.stack([_mean(functional.logsigmoid(one)) for one in outputs])
            no = torch.stack([_mean(functional.logsigmoid(-one)) for one in outputs])
            return self._labels(yes, no)
        logs = torch.stack([_mean(functional.log_softmax(one, 2)) for one in outputs])
        if not self.vote:
            return torch.logsumexp(logs + self.log_weights, 0)
        classes = torch.arange(logs.shape[2], device=logs.device)
        votes = (logs.argmax(2, keepdim=True) == classes).float().sum(0)
        return ((votes + logs.exp().mean(0)) / (len(outputs) + 1)).clamp_min(1e-30).log()

    def _labels(self, yes: Tensor, no: Tensor) -> Tensor:
        """Logits of log probabilities ``[members, n, labels]`` of having each label, and of not having it."""
        if not self.vote:
            return torch.logsumexp(yes + self.log_weights, 0) - torch.logsumexp(no + self.log_weights, 0)
        votes = (yes - no >= self.least).float().sum(0)
        share = ((votes + yes.exp().mean(0)) / (len(yes) + 1)).clamp(1e-6, 1 - 1e-6)
        return share.log() - (1 - share).log()


def _asked(member: nn.Module, views: Sequence[Tensor]) -> Tensor:
    """What a member says of each view, ``[views, n, classes]``, those of one size together.

    One pass of all views at once: a graph that is exported has the network in it once and not for each view.
    """
    sizes: dict[tuple[int, ...], list[Tensor]] = {}
    for view in views:
        sizes.setdefault(tuple(view.shape[2:]), []).append(view)
    passes = [member(torch.cat(same) if len(same) > 1 else same[0]).float() for same in sizes.values()]
    rows = [said.reshape(len(same), -1, said.shape[1]) for said, same in zip(passes, sizes.values(), strict=True)]
    return torch.cat(rows) if len(rows) > 1 else rows[0]


def _mean(logs: Tensor) -> Tensor:
    """Logarithm of the mean of the probabilities over the views, the first axis."""
    return logs[0] if len(logs) == 1 else torch.logsumexp(logs, 0) - math.log(len(logs))


def _crops(images: Tensor) -> list[Tensor]:
    """The image, its four corners and its middle, enlarged to its size."""
    height, width = images.shape[2:]
    tall, wide = max(1, round(height * SHARE)), max(1, round(width * SHARE))
    down, right = height - tall, width - wide
    corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    cut = [images[:, :, top : top + tall, left : left + wide] for top, left in corners]
    return [images, *(functional.interpolate(one, (height, width), mode="bilinear") for one in cut)]


def _scaled(images: Tensor) -> list[Tensor]:
    """The image at its own size, a smaller one and a larger one."""
    height, width = images.shape[2:]
    sizes = [(max(1, round(height * scale)), max(1, round(width * scale))) for scale in SCALES]
    return [images, *(functional.interpolate(images, size, mode="bilinear") for size in sizes)]


VIEWS: dict[str, Callable[[Tensor], list[Tensor]]] = {
    "hflip": lambda images: [images, images.flip(3)],
    "vflip": lambda images: [images, images.flip(2)],
    "crops": _crops,
    "scales": _scaled,
}
"""Test-time augmentation by name: an image ``[n, channels, h, w]`` to what is looked at, the image itself first."""
