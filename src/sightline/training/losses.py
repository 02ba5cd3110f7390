"""Losses: each gives the loss of every sample, so that the loop decides how they are weighted."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch

from sightline import plug
from sightline.config_loss import LOSS_OF_TASK
from sightline.data.outputs import TASK_OF, Kind
from sightline.errors import ConfigError, PlugError
from sightline.task.constant import Constant
from sightline.task.task import LossFunction
from sightline.training.boxes import BOX_LOSSES
from sightline.training.config import LossConfig
from sightline.training.losses_class import bce, cross_entropy, focal, hinge
from sightline.training.losses_labels import BinaryCrossEntropy, BinaryFocal
from sightline.training.losses_numbers import SquaredLogarithmicError, huber, mae, mse
from sightline.training.triplet import Triplet

Maker = Callable[[LossConfig], LossFunction]

LOSSES: dict[Kind, dict[str, Maker]] = {
    "class": {"cross_entropy": cross_entropy, "focal": focal, "bce": bce, "hinge": hinge, "triplet": Triplet},
    "labels": {"bce": BinaryCrossEntropy, "focal": BinaryFocal},
    "numbers": {"mse": mse, "mae": mae, "msle": SquaredLogarithmicError, "huber": huber},
}
"""Built-in losses by what they are about, each made from its settings."""


def make_loss(config: LossConfig, weights: torch.Tensor | None = None, kind: Kind = "class") -> LossFunction:
    """The loss that the settings name.

    Args:
        config: its settings.
        weights: of the classes, ``[classes]``; of labels, of the images that have them.
        kind: what the task is about.

    Raises:
        PlugError: unknown name, one that is about something else, or a user's function that gives no loss function.
        ConfigError: weights that the loss cannot take.
    """
    name = LOSS_OF_TASK[TASK_OF[kind]] if config.name == "auto" else config.name
    _refuse_other_kinds(name, kind)
    if kind != "class":  # smoothing spreads a class over those that it excludes; these exclude nothing
        config = dataclasses.replace(config, label_smoothing=0.0)
    loss: LossFunction = plug.resolve("loss", name, LOSSES[kind], "train.loss.name")(config)
    if not callable(loss):  # a user's function may give anything
        raise PlugError(
            f"'{name}' did not give a loss function", where="train.loss.name", got=type(loss).__name__,
            hint="return a function of (logits, targets) that gives the loss of each sample",
        )  # fmt: skip
    if weights is None:
        return loss
    return weighed(loss, weights) if kind == "class" else _weighed_labels(loss, weights, name)


def judging(loss: LossFunction) -> LossFunction:
    """The loss that a validation image has by itself: of a loss of whole batches the part that is ``alone``.

    Raises:
        PlugError: it has none.
    """
    if not of_batch(loss):
        return loss
    alone: LossFunction | None = getattr(loss, "alone", None)
    if alone is None:
        raise PlugError(
            "a loss of whole batches does not say by what an image is judged", where="train.loss.name",
            hint="give it an attribute alone: a loss that gives a sample the same value in any batch",
        )  # fmt: skip
    return alone


def of_batch(loss: LossFunction) -> bool:
    """Whether what a sample costs depends on the other samples of its batch."""
    return bool(getattr(loss, "of_batch", False))


def weighed(loss: LossFunction, weights: torch.Tensor) -> LossFunction:
    """Any loss, times the weight of the true class; of a mixed target, each class's share times its weight.

    The weight is that of the label and comes before the smoothing. In torch's own combination of the two, every sample
    also pulls towards each class by the smoothing times the weight of that class: with two classes at 19 to 1 and a
    smoothing of 0.1, the best answer to an image of the frequent class would be the rare one.
    """

    kept = Constant(weights)

    def loss_of(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        own = kept.on(logits.device, logits.dtype)
        if targets.ndim == 1:
            return loss(logits, targets) * own[targets]
        pulls = targets * own
        total = pulls.sum(dim=1)
        some = (total > 0)[:, None]
        shares = torch.where(some, pulls / total.clamp_min(torch.finfo(total.dtype).tiny)[:, None], targets)
        return loss(logits, shares) * total

    for name in ("of_batch", "alone"):
        if hasattr(loss, name):
            setattr(loss_of, name, getattr(loss, name))
    return loss_of


def _weighed_labels(loss: LossFunction, weights: torch.Tensor, name: str) -> LossFunction:
    own: Any = getattr(loss, "weighed", None)
    if own is None:
        raise ConfigError(
            f"'{name}' takes no weights of labels", where="train.loss.class_weights",
            hint="give the loss a method weighed(weights), which gives the loss with them; or remove the setting",
        )  # fmt: skip
    return own(weights)


def _refuse_other_kinds(name: str, kind: Kind) -> None:
    """Say what a built-in loss is about, where that is not what the task is about."""
    about: Mapping[Kind, str] = {"class": "one class an image", "labels": "labels", "numbers": "numbers"}
    if name in BOX_LOSSES:
        raise PlugError(
            f"'{name}' is a loss of boxes, and the {TASK_OF[kind]} task has none", where="train.loss.name",
            allowed=sorted(LOSSES[kind]), hint="sightline.training.boxes holds it as a function of boxes [n, 4]",
        )  # fmt: skip
    owners: list[Kind] = [other for other, losses in LOSSES.items() if name in losses]
    if owners and kind not in owners:
        told = " or ".join(about[owner] for owner in owners)
        raise PlugError(
            f"'{name}' is a loss of {told}, and the {TASK_OF[kind]} task is about {about[kind]}",
            where="train.loss.name", allowed=sorted(LOSSES[kind]),
            hint=f"set train.loss.name to one of these, or task.name={TASK_OF[owners[0]]}",
        )  # fmt: skip
