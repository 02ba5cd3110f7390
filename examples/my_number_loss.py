"""A loss of your own for numbers: one value for each image, from outputs and targets ``[n, targets]``.

Both are in standard deviations of the training part; with ``loss.in_units = True`` they would come in their units.

sightline train TABLE.csv -s task.name=regression -s train.loss.name=my_number_loss:pinball
"""

import torch

from sightline.task.task import LossFunction
from sightline.training.config import LossConfig

QUANTILE = 0.9


def pinball(config: LossConfig) -> LossFunction:
    """The pinball loss: the model learns a number that the true one stays below in 90 of 100 cases."""
    del config

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        short = targets - outputs
        return torch.maximum(QUANTILE * short, (QUANTILE - 1) * short).mean(dim=1)

    return loss
