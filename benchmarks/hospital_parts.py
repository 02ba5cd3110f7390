"""What users of the hospital's patients wrote: networks, an optimizer and augmentations with a fault in each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from sightline import Contract

SIDE = 8
"""Of the digits, in pixels."""


def loud_tanh(num_classes: int, in_chans: int, **_: Any) -> nn.Module:
    """Two layers with a tanh after each, whose weights start fifty times too large."""
    first, second = nn.Linear(in_chans * SIDE**2, 64), nn.Linear(64, 64)
    with torch.no_grad():
        for layer in (first, second):
            layer.weight *= 50
    return nn.Sequential(nn.Flatten(), first, nn.Tanh(), second, nn.Tanh(), nn.Linear(64, num_classes))


def sunken_relu(num_classes: int, in_chans: int, **_: Any) -> nn.Module:
    """Two rectified layers; the biases of the second start far below zero."""
    first, second = nn.Linear(in_chans * SIDE**2, 64), nn.Linear(64, 64)
    with torch.no_grad():
        second.bias -= 3
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), second, nn.ReLU(), nn.Linear(64, num_classes))


class _Forgetful(nn.Module):
    def __init__(self, num_classes: int, in_chans: int):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(in_chans * SIDE**2, 64), nn.ReLU())
        self.side = nn.Linear(64, 64)
        self.head = nn.Linear(64, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.body(x)
        return self.head(features + self.side(features).detach())


def forgetful(num_classes: int, in_chans: int, **_: Any) -> nn.Module:
    """A layer whose output is cut off from the gradient."""
    return _Forgetful(num_classes, in_chans)


def head_only(groups: list[dict[str, Any]], _: Any) -> torch.optim.Optimizer:
    """Adam, given only the parameters that come last."""
    for group in groups:
        group["params"] = group["params"][-1:]
    return torch.optim.Adam(groups)


def inverted(contract: Contract) -> Callable[[Image.Image, int], np.ndarray]:
    """White where it was black: validation shows the digits as they are."""
    return lambda image, _: (255 - contract.pixels(image)).astype(np.uint8)
