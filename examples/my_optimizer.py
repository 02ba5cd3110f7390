"""An optimizer of your own. The groups come with learning rate and weight decay; the loop moves the learning rate.

sightline train FOLDER -s train.optimizer.name=my_optimizer:nadam
"""

import torch

from sightline.training.config import OptimizerConfig
from sightline.training.optimizers import Groups


def nadam(groups: Groups, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Adam with Nesterov's momentum (Dozat 2016) and decoupled weight decay."""
    return torch.optim.NAdam(groups, betas=config.betas, decoupled_weight_decay=True)
