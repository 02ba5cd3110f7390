"""A task of your own: here classification in which mistakes on some classes weigh more.

sightline train FOLDER -s task.name=my_task:weighted
"""

import torch

from sightline.data.contract import Contract
from sightline.task.classification import Classification
from sightline.task.task import LossFunction

WEIGHTS = {"temple": 2.0}
"""Weight of a sample by the name of its class; every other class weighs 1."""


def weighted(contract: Contract, loss: LossFunction) -> Classification:
    """Classification with the loss of each sample multiplied by the weight of its class."""
    weights = torch.tensor([WEIGHTS.get(name, 1.0) for name in contract.classes])

    def weighed(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        own = weights.to(logits.device)
        return loss(logits, targets) * (own[targets] if targets.ndim == 1 else targets @ own)

    return Classification(contract, weighed)
