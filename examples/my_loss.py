"""A loss of your own: one value for each sample, so that batches of any size weigh every image the same.

Targets are classes ``[n]``, or their shares ``[n, classes]`` where MixUp or CutMix mix images.

sightline train FOLDER -s train.loss.name=my_loss:poly
"""

import torch
from torch.nn import functional

from sightline.task.task import LossFunction
from sightline.training.config import LossConfig

EPSILON = 1.0


def poly(config: LossConfig) -> LossFunction:
    """Poly-1: cross entropy plus ``EPSILON * (1 - probability of the true class)`` (Leng et al. 2022)."""

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        entropy = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=config.label_smoothing)
        shares = targets if targets.ndim == 2 else functional.one_hot(targets, logits.shape[1])
        true = (logits.softmax(dim=1) * shares).sum(dim=1)
        return entropy + EPSILON * (1 - true)

    return loss
