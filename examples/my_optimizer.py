"""An optimizer of your own. The groups come with learning rate and weight decay; the loop moves the learning rate.

sightline train FOLDER -s train.optimizer.name=my_optimizer:adan -s train.optimizer.options="{eps: 1.0e-6}"
"""

import torch
from timm.optim import Adan

from sightline.training.config import OptimizerConfig
from sightline.training.optimizer_kinds import Groups


def adan(groups: Groups, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Adaptive Nesterov momentum (Xie et al. 2022)."""
    return Adan(groups, **config.options)
