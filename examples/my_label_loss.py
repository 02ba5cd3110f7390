"""A loss of your own for labels: one value for each image, from logits and targets ``[n, labels]``.

sightline train TABLE.csv -s task.name=multilabel -s train.loss.name=my_label_loss:asymmetric
"""

import torch
from torch.nn import functional

from sightline.training.config import LossConfig

SHIFT = 0.05


class Asymmetric:
    """Asymmetric loss (Ridnik et al. 2021): labels that are missing, and told so easily, count for little."""

    def __init__(self, gamma: float, weights: torch.Tensor | None = None):
        self.gamma, self.weights = gamma, weights

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        likely = (torch.sigmoid(logits) - SHIFT).clamp(min=0, max=1 - SHIFT)
        present = -functional.logsigmoid(logits)
        if self.weights is not None:
            present = present * self.weights.to(logits)
        absent = -torch.log1p(-likely) * likely**self.gamma
        return (targets * present + (1 - targets) * absent).sum(dim=1)

    def weighed(self, weights: torch.Tensor) -> "Asymmetric":
        """The same with a weight for the images that have a label: what ``train.loss.class_weights`` asks for."""
        return Asymmetric(self.gamma, weights)


def asymmetric(config: LossConfig) -> Asymmetric:
    """With twice the gamma of the settings for what is missing, and none for what is there."""
    return Asymmetric(2 * config.gamma)
