"""The built-in baseline without convolutions: what a network learns that knows nothing of neighbouring pixels."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from sightline.errors import ModelError

Norm = Callable[[int], nn.Module]


def _no_norm(width: int) -> nn.Module:
    del width
    return nn.Identity()


NORMS: dict[str, Norm] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "none": _no_norm}
"""Normalization layers that ``mlp`` can be built with."""


class Mlp(nn.Module):
    """All pixels in one row, hidden layers, linear head."""

    def __init__(self, num_classes: int, inputs: int, hidden: Sequence[int], norm: Norm, dropout: float):
        super().__init__()
        layers = [
            nn.Sequential(nn.Linear(before, width), norm(width), nn.ReLU(), nn.Dropout(dropout))
            for before, width in zip([inputs, *hidden[:-1]], hidden, strict=True)
        ]
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(hidden[-1], num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[n, in_chans, img_size, img_size]`` to logits ``[n, num_classes]``."""
        return self.head(self.hidden(x.flatten(1)))


def mlp(
    num_classes: int,
    in_chans: int,
    *,
    img_size: int = 28,
    hidden: Sequence[int] = (256, 128),
    norm: str = "batch",
    dropout: float = 0.0,
) -> nn.Module:
    """Build the baseline.

    Args:
        num_classes: outputs.
        in_chans: channels of the input.
        img_size: side of the images in pixels; a training gives its own.
        hidden: width of each hidden layer.
        norm: a key of ``NORMS``.
        dropout: share of each hidden layer's outputs dropped while training.

    Raises:
        ModelError: unknown norm, or no hidden layer.
    """
    if norm not in NORMS:
        raise ModelError(f"unknown norm '{norm}'", where="model.options.norm", allowed=NORMS)
    widths: Any = hidden  # settings may hold anything
    if not widths or not all(isinstance(width, int) and width > 0 for width in widths):
        raise ModelError(
            "mlp needs the width of each hidden layer", where="model.options.hidden", got=hidden,
            hint="such as -s model.options.hidden=[256,128]",
        )  # fmt: skip
    return Mlp(num_classes, in_chans * img_size * img_size, list(hidden), NORMS[norm], dropout)
