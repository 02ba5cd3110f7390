"""Losses: each gives the loss of every sample, so that the loop decides how they are weighted."""

from collections.abc import Callable

import torch
from torch.nn import functional

from sightline import plug
from sightline.errors import PlugError
from sightline.task.classification import LossFunction
from sightline.training.config import LossConfig


def cross_entropy(config: LossConfig) -> LossFunction:
    """Cross entropy with smoothed targets (Szegedy et al. 2016).

    The returned function takes logits ``[n, classes]`` and targets ``[n]`` and gives the losses ``[n]`` in nats.
    """

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, targets, reduction="none", label_smoothing=config.label_smoothing)

    return loss


LOSSES: dict[str, Callable[[LossConfig], LossFunction]] = {"cross_entropy": cross_entropy}
"""Built-in losses, each made from its settings."""


def make_loss(config: LossConfig) -> LossFunction:
    """The loss that the settings name.

    Raises:
        PlugError: unknown name, or a user's function that gives no loss function.
    """
    loss: LossFunction = plug.resolve("loss", config.name, LOSSES, "train.loss.name")(config)
    if not callable(loss):  # a user's function may give anything
        raise PlugError(
            f"'{config.name}' did not give a loss function", where="train.loss.name", got=type(loss).__name__,
            hint="return a function of (logits, targets) that gives the loss of each sample",
        )  # fmt: skip
    return loss
