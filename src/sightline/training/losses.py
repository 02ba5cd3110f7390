"""Losses: each gives the loss of every sample, so that the loop decides how they are weighted."""

import inspect
from collections.abc import Callable

import torch
from torch.nn import functional

from sightline import plug
from sightline.errors import PlugError
from sightline.task.classification import LossFunction, at_targets
from sightline.training.config import LossConfig


def cross_entropy(config: LossConfig, weights: torch.Tensor | None = None) -> LossFunction:
    """Cross entropy with smoothed targets (Szegedy et al. 2016) and class weights.

    With shares ``t`` of the classes, ``t' = (1 - smoothing) t + smoothing / classes`` and weights ``w``, the loss of a
    sample is ``-sum(w t' log p)``: that of ``torch.nn.CrossEntropyLoss(weight=w, reduction="none")``.

    The returned function takes logits ``[n, classes]`` and targets ``[n]``, or their shares ``[n, classes]``, and gives
    the losses ``[n]`` in nats.
    """

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        own = None if weights is None else weights.to(logits)
        return functional.cross_entropy(
            logits, targets, weight=own, reduction="none", label_smoothing=config.label_smoothing
        )

    return loss


def focal(config: LossConfig, weights: torch.Tensor | None = None) -> LossFunction:
    """Focal loss (Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017) over the softmax of all classes.

    ``-sum(w t' (1 - p)^gamma log p)`` with the smoothed targets ``t'`` and the class weights ``w`` (the paper's alpha)
    of ``cross_entropy``, which it equals where gamma is 0. For one true class without smoothing that is the paper's
    ``-alpha (1 - p)^gamma log p``.
    """

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        classes = logits.shape[1]
        shares = targets if targets.ndim == 2 else functional.one_hot(targets, classes)
        shares = (1 - config.label_smoothing) * shares.to(logits) + config.label_smoothing / classes
        logs = logits.log_softmax(dim=1)
        # Where p is 1, the slope of a power below 1 would be infinite, and nothing times that is no number.
        missing = (-torch.expm1(logs)).clamp_min(torch.finfo(logs.dtype).tiny)
        each = shares * missing**config.gamma * -logs
        return (each if weights is None else each * weights.to(each)).sum(dim=1)

    return loss


LOSSES: dict[str, Callable[..., LossFunction]] = {"cross_entropy": cross_entropy, "focal": focal}
"""Built-in losses, each made from its settings and the weights of the classes."""


def make_loss(config: LossConfig, weights: torch.Tensor | None = None) -> LossFunction:
    """The loss that the settings name.

    Args:
        config: its settings.
        weights: of the classes, ``[classes]``. A user's own loss whose maker has no argument ``weights`` is multiplied
            by the weight of the true class.

    Raises:
        PlugError: unknown name, or a user's function that gives no loss function.
    """
    make = plug.resolve("loss", config.name, LOSSES, "train.loss.name")
    inside = takes_weights(make)
    loss: LossFunction = make(config, weights=weights) if inside else make(config)
    if not callable(loss):  # a user's function may give anything
        raise PlugError(
            f"'{config.name}' did not give a loss function", where="train.loss.name", got=type(loss).__name__,
            hint="return a function of (logits, targets) that gives the loss of each sample",
        )  # fmt: skip
    return loss if inside or weights is None else _weighed(loss, weights)


def takes_weights(make: Callable[..., LossFunction]) -> bool:
    """Whether a function that makes a loss has an argument ``weights`` beside the settings."""
    try:
        return "weights" in inspect.signature(make).parameters
    except (TypeError, ValueError):  # some callables written in C tell nothing
        return False


def _weighed(loss: LossFunction, weights: torch.Tensor) -> LossFunction:
    """The loss times the weight of the true class, or the mean weight of a mixed target."""
    return lambda logits, targets: loss(logits, targets) * at_targets(weights.to(logits).expand_as(logits), targets)
