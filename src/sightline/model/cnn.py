"""The built-in baseline for small images: a plain residual network that trains in minutes on a CPU."""

from collections.abc import Callable

import torch
from torch import nn

from sightline.errors import ModelError

Norm = Callable[[int], nn.Module]


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(max(1, channels // 8), channels)


def _no_norm(channels: int) -> nn.Module:
    del channels
    return nn.Identity()


NORMS: dict[str, Norm] = {"batch": nn.BatchNorm2d, "group": _group_norm, "none": _no_norm}
"""Normalization layers that ``cnn`` can be built with."""


class Block(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, channels: int, norm: Norm):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = norm(channels)
        self.act1, self.act2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[n, channels, h, w]`` to the same shape."""
        y = self.act1(self.norm1(self.conv1(x)))
        return self.act2(x + self.norm2(self.conv2(y)))


class Stage(nn.Module):
    """More channels, half the size, one residual block."""

    def __init__(self, channels_in: int, channels: int, norm: Norm):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
        self.norm = norm(channels)
        self.act = nn.ReLU()
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.block = Block(channels, norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[n, channels_in, h, w]`` to ``[n, channels, h/2, w/2]``."""
        return self.block(self.pool(self.act(self.norm(self.conv(x)))))


class Cnn(nn.Module):
    """Stem, three stages, global average, dropout, linear head."""

    def __init__(self, num_classes: int, in_chans: int, width: int, norm: Norm, dropout: float):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_chans, width, 3, padding=1, bias=False), norm(width), nn.ReLU())
        self.stage1 = Stage(width, 2 * width, norm)
        self.stage2 = Stage(2 * width, 4 * width, norm)
        self.stage3 = Stage(4 * width, 4 * width, norm)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[n, in_chans, h, w]`` to logits ``[n, num_classes]``."""
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        return self.head(self.dropout(x.mean(dim=(2, 3))))


def cnn(num_classes: int, in_chans: int, *, width: int = 24, norm: str = "batch", dropout: float = 0.0) -> nn.Module:
    """Build the baseline.

    Args:
        num_classes: outputs.
        in_chans: channels of the input.
        width: channels of the first layer; later stages have two and four times as many.
        norm: a key of ``NORMS``.
        dropout: share of the features dropped before the head while training.

    Raises:
        ModelError: unknown norm.
    """
    if norm not in NORMS:
        raise ModelError(f"unknown norm '{norm}'", where="model.options.norm", allowed=NORMS)
    return Cnn(num_classes, in_chans, width, NORMS[norm], dropout)
