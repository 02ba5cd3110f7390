"""Losses of numbers: (outputs ``[n, targets]``, targets ``[n, targets]``) to ``[n]``, the mean over the targets.

Both are in standard deviations of the training part; a loss with ``in_units`` is given both in their units.
"""

import torch
from torch.nn import functional

from sightline.task.task import LossFunction
from sightline.training.config import LossConfig


def mse(config: LossConfig) -> LossFunction:
    """Squared error."""
    del config
    return lambda outputs, targets: (outputs - targets).square().mean(dim=1)


def mae(config: LossConfig) -> LossFunction:
    """Absolute error."""
    del config
    return lambda outputs, targets: (outputs - targets).abs().mean(dim=1)


def huber(config: LossConfig) -> LossFunction:
    """Huber loss (Huber 1964): quadratic up to an error of delta, linear beyond."""

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.huber_loss(outputs, targets, reduction="none", delta=config.delta).mean(dim=1)

    return loss


class SquaredLogarithmicError:
    """Squared error of ``log(1 + x)``, for targets from 0 up of very different size.

    An output below 0 has no logarithm that could be asked for; there ``log(1 + x)`` goes on as the straight line ``x``,
    which it touches at 0, so that such an output is drawn back.
    """

    in_units = True
    """Outputs and targets are wanted in their units."""

    def __init__(self, config: LossConfig):
        del config

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Losses ``[n]``."""
        return (_log(outputs) - _log(targets)).square().mean(dim=1)


def _log(values: torch.Tensor) -> torch.Tensor:
    return torch.log1p(values.clamp_min(0.0)) + values.clamp_max(0.0)
