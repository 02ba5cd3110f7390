"""A head of your own: any ``torch.nn.Module`` that turns features into logits.

sightline train FOLDER -s model.head.name=my_head:prototypes -s model.head.options="{sharpness: 2}"
"""

import torch
from torch import nn


def prototypes(features: int, classes: int, sharpness: float = 1.0) -> nn.Module:
    """Minus the squared distance to a learnt point for each class (Snell et al. 2017)."""
    return Prototypes(features, classes, sharpness)


class Prototypes(nn.Module):
    def __init__(self, features: int, classes: int, sharpness: float):
        super().__init__()
        self.points, self.sharpness = nn.Parameter(torch.randn(classes, features)), sharpness

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # |x - p|² without |x|², which is the same for every class
        return self.sharpness * (2 * x @ self.points.T - (self.points**2).sum(dim=1))
