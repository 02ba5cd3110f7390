"""Losses of several labels an image: (logits ``[n, labels]``, targets ``[n, labels]`` from 0 to 1) to ``[n]``.

Each label is a question of its own. ``weighed`` gives the same loss with a weight for the images that have a label.
"""

import dataclasses

import torch
from torch.nn import functional

from sightline.task.constant import Constant
from sightline.training.config import LossConfig


@dataclasses.dataclass(frozen=True)
class BinaryCrossEntropy:
    """Binary cross entropy of each label, their mean or their sum over the labels."""

    config: LossConfig
    weights: Constant | None = None
    """``[labels]``: weight of an image that has the label, torch's ``pos_weight``; ``None``: 1."""

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Losses ``[n]``."""
        own = None if self.weights is None else self.weights.on(logits.device, logits.dtype)
        each = functional.binary_cross_entropy_with_logits(
            logits, targets.to(logits), pos_weight=own, reduction="none"
        )  # fmt: skip
        return each.sum(dim=1) if self.config.sum_classes else each.mean(dim=1)

    def weighed(self, weights: torch.Tensor) -> "BinaryCrossEntropy":
        """The same with weights ``[labels]``."""
        return dataclasses.replace(self, weights=Constant(weights))


@dataclasses.dataclass(frozen=True)
class BinaryFocal:
    """Focal loss of each label (Lin et al. 2017, over sigmoids as in the paper), their mean or sum over the labels.

    Binary cross entropy times ``(1 - p)^gamma``, where p is the probability of the target: ``p t + (1 - p)(1 - t)``.
    """

    config: LossConfig
    weights: Constant | None = None
    """``[labels]``: weight of an image that has the label; ``None``: 1."""

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Losses ``[n]``."""
        wanted = targets.to(logits)
        own = None if self.weights is None else self.weights.on(logits.device, logits.dtype)
        each = functional.binary_cross_entropy_with_logits(logits, wanted, pos_weight=own, reduction="none")
        missing = wanted * torch.sigmoid(-logits) + (1 - wanted) * torch.sigmoid(logits)
        # Where nothing is missing, the slope of a power below 1 would be infinite.
        each = each * missing.clamp_min(torch.finfo(missing.dtype).tiny) ** self.config.gamma
        return each.sum(dim=1) if self.config.sum_classes else each.mean(dim=1)

    def weighed(self, weights: torch.Tensor) -> "BinaryFocal":
        """The same with weights ``[labels]``."""
        return dataclasses.replace(self, weights=Constant(weights))
