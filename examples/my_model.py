"""A model of your own: any ``torch.nn.Module``.

sightline train FOLDER -s model.name=my_model:patches -s model.options="{width: 64}"
"""

import torch
from torch import nn


def patches(num_classes: int, in_chans: int, width: int = 48) -> nn.Module:
    """Patches of 4 x 4 pixels, two convolutions over them, the average, a linear head."""
    return nn.Sequential(
        nn.Conv2d(in_chans, width, kernel_size=4, stride=4),
        nn.GroupNorm(4, width),
        nn.GELU(),
        nn.Conv2d(width, width, kernel_size=3, padding=1),
        nn.GELU(),
        Average(),
        nn.Linear(width, num_classes),
    )


class Average(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))
