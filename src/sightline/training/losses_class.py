"""Losses of one class an image: logits ``[n, classes]`` and targets ``[n]`` or shares ``[n, classes]`` to ``[n]``."""

import torch
from torch.nn import functional

from sightline.task.task import LossFunction
from sightline.training.config import LossConfig

_AT_ONCE = 1 << 22  # numbers that the hinge of mixed targets holds at a time


def cross_entropy(config: LossConfig) -> LossFunction:
    """Cross entropy with smoothed targets (Szegedy et al. 2016), in nats."""

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
        shares = smoothed(targets, logits, config.label_smoothing)
        logs = logits.log_softmax(dim=1)
        # Where p is 1, the slope of a power below 1 would be infinite, and nothing times that is no number.
        missing = (-torch.expm1(logs)).clamp_min(torch.finfo(logs.dtype).tiny)
        return -(shares * missing**config.gamma * logs).sum(dim=1)

    return loss


def bce(config: LossConfig) -> LossFunction:
    """Binary cross entropy of every class against the smoothed target, their mean or their sum over the classes.

    Each class is asked for by itself, as in Wightman et al., "ResNet strikes back" (2021); the answer is still the
    class with the highest logit.
    """

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        shares = smoothed(targets, logits, config.label_smoothing)
        each = functional.binary_cross_entropy_with_logits(logits, shares, reduction="none")
        return each.sum(dim=1) if config.sum_classes else each.mean(dim=1)

    return loss


def hinge(config: LossConfig) -> LossFunction:
    """Multi-class hinge: ``sum over j != y of max(0, margin - x_y + x_j)^power / classes``.

    It adds up over the other classes (Weston and Watkins 1999), as torch's ``MultiMarginLoss`` does; Crammer and
    Singer (2001) take the largest alone. Of a mixed target it is the mean over its classes, by their shares.
    """
    margin = 1.0 if config.margin is None else config.margin

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if targets.ndim == 1:
            true = logits.gather(1, targets[:, None])
            each = (margin - true + logits).clamp_min(0.0) ** config.power
            return each.scatter(1, targets[:, None], 0.0).sum(dim=1) / logits.shape[1]
        classes = logits.shape[1]
        total = torch.zeros_like(logits[:, 0])
        for part in torch.arange(classes, device=logits.device).split(max(1, _AT_ONCE // logits.numel())):
            each = (margin - logits[:, part, None] + logits[:, None]).clamp_min(0.0) ** config.power
            # The class itself is always missed by the margin, whatever the logits.
            own = each.sum(dim=2) - margin**config.power
            total = total + (own * targets[:, part]).sum(dim=1) / classes
        return total

    return loss


def smoothed(targets: torch.Tensor, logits: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Targets as shares ``[n, classes]`` of the logits' type, a part of them spread evenly over all classes."""
    classes = logits.shape[1]
    shares = targets if targets.ndim == 2 else functional.one_hot(targets, classes)
    return (1 - smoothing) * shares.to(logits) + smoothing / classes
