"""An equal average of the weights over the last part of a run."""

import copy

import torch
from torch import nn

from sightline.training.ema import pairs
from sightline.training.parallel import own_part


class Swa:
    """Keeps the mean of the weights after every step from ``start`` on (Izmailov et al. 2018, who take one an epoch).

    How many it holds follows from the step, so that its weights are all there is to save.
    """

    def __init__(self, module: nn.Module, start: int):
        self.start = start
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.settled = False
        """Whether its batch statistics are its own, and it is what is judged."""

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after optimizer step ``step``; counters and other whole numbers are copied."""
        if step < self.start:
            return
        for own, new in pairs(self.module, module):
            if own.dtype.is_floating_point:
                own_part(own).lerp_(own_part(new), 1 / (step - self.start + 1))
            else:
                own.copy_(new)
