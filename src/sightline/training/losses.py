"""Losses: each gives the loss of every sample, so that the loop decides how they are weighted."""

from collections.abc import Callable

import torch
from torch.nn import functional

from sightline import plug
from sightline.errors import PlugError
from sightline.task.task import LossFunction
from sightline.training.config import LossConfig


def cross_entropy(config: LossConfig) -> LossFunction:
    """Cross entropy with smoothed targets (Szegedy et al. 2016).

    The returned function takes logits ``[n, classes]`` and targets ``[n]``, or their shares ``[n, classes]``, and gives
    the losses ``[n]`` in nats.
    """

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, targets, reduction="none", label_smoothing=config.label_smoothing)

    return loss


def focal(config: LossConfig) -> LossFunction:
    """Focal loss (Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017) over the softmax of all classes.

    ``-sum(t (1 - p)^gamma log p)`` with the smoothed targets ``t`` of ``cross_entropy``, which it equals where gamma is
    0. For one true class without smoothing that is the paper's ``-(1 - p)^gamma log p``; its alpha is the weight of
    the class.
    """

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        classes = logits.shape[1]
        shares = targets if targets.ndim == 2 else functional.one_hot(targets, classes)
        shares = (1 - config.label_smoothing) * shares.to(logits) + config.label_smoothing / classes
        logs = logits.log_softmax(dim=1)
        # Where p is 1, the slope of a power below 1 would be infinite, and nothing times that is no number.
        missing = (-torch.expm1(logs)).clamp_min(torch.finfo(logs.dtype).tiny)
        return -(shares * missing**config.gamma * logs).sum(dim=1)

    return loss


LOSSES: dict[str, Callable[[LossConfig], LossFunction]] = {"cross_entropy": cross_entropy, "focal": focal}
"""Built-in losses, each made from its settings."""


def make_loss(config: LossConfig, weights: torch.Tensor | None = None) -> LossFunction:
    """The loss that the settings name.

    Args:
        config: its settings.
        weights: of the classes, ``[classes]``.

    Raises:
        PlugError: unknown name, or a user's function that gives no loss function.
    """
    loss: LossFunction = plug.resolve("loss", config.name, LOSSES, "train.loss.name")(config)
    if not callable(loss):  # a user's function may give anything
        raise PlugError(
            f"'{config.name}' did not give a loss function", where="train.loss.name", got=type(loss).__name__,
            hint="return a function of (logits, targets) that gives the loss of each sample",
        )  # fmt: skip
    return loss if weights is None else weighed(loss, weights)


def weighed(loss: LossFunction, weights: torch.Tensor) -> LossFunction:
    """Any loss, times the weight of the true class; of a mixed target, each class's share times its weight.

    The weight is that of the label and comes before the smoothing. In torch's own combination of the two, every sample
    also pulls towards each class by the smoothing times the weight of that class: with two classes at 19 to 1 and a
    smoothing of 0.1, the best answer to an image of the frequent class would be the rare one.
    """

    def loss_of(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        own = weights.to(logits)
        if targets.ndim == 1:
            return loss(logits, targets) * own[targets]
        pulls = targets * own
        total = pulls.sum(dim=1)
        some = (total > 0)[:, None]
        shares = torch.where(some, pulls / total.clamp_min(torch.finfo(total.dtype).tiny)[:, None], targets)
        return loss(logits, shares) * total

    return loss_of
