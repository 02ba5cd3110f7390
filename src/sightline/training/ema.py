"""A moving average of the weights."""

import copy
from collections.abc import Iterator

import torch
from torch import nn

from sightline.training.parallel import own_part


class Ema:
    """Keeps ``decay * average + (1 - decay) * weights`` after each step (Polyak and Juditsky 1992).

    Early on the decay is lower, ``(1 + step) / (10 + step)`` at most, so that the average forgets the initial weights.
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.module = copy.deepcopy(module).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after optimizer step ``step``; counters and other whole numbers are copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for own, new in pairs(self.module, module):
            if own.dtype.is_floating_point:
                own_part(own).lerp_(own_part(new), 1 - decay)
            else:
                own.copy_(new)


def pairs(average: nn.Module, module: nn.Module) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Each tensor of an average beside that of the network; one that is known by two names comes once."""
    ours, theirs = (one.state_dict(keep_vars=True) for one in (average, module))
    names = {id(tensor): name for name, tensor in ours.items()}
    return ((ours[name], theirs[name].detach()) for name in names.values())
