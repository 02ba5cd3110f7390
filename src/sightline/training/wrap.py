"""The network as the ranks train it together."""

import contextlib
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from sightline import distributed
from sightline.model.freeze import set_frozen, training_mode
from sightline.training.compiling import Compiled
from sightline.training.job import Job
from sightline.training.parallel import is_sharded


def wrapped(job: Job, frozen: frozenset[str]) -> nn.Module:
    """The network to call in training, in training mode. Which parameters learn is fixed at wrapping.

    Args:
        job: its network is wrapped.
        frozen: names of the parameters that do not learn.
    """
    set_frozen(job.built, frozen)
    training_mode(job.built, frozen)
    module = job.built.module
    if job.plan.compile != "off":
        module = Compiled(module, job.plan.compile, job.tell)
    if distributed.world() == 1 or is_sharded(job.built.module):
        return module
    devices = [job.plan.device.index] if job.plan.device.type == "cuda" else None
    # Looking for unused parameters also keeps DDP from laying out its buckets anew after the first step. Three ranks or
    # more would then add up in another order, and a run that was resumed would not be the one that never stopped.
    return DistributedDataParallel(_Spared(module), device_ids=devices, find_unused_parameters=True)


class _Spared(nn.Module):
    """A network beside a parameter that nothing goes through: DDP warns where it looks for such and finds none."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module
        self.spare = nn.Parameter(torch.zeros(1, device=next(module.parameters()).device))

    def forward(self, inputs: torch.Tensor) -> Any:
        """What the network gives."""
        return self.module(inputs)


def without_sync(model: nn.Module, skip: bool) -> contextlib.AbstractContextManager[None]:
    """Leave the gradients of this micro-batch on their rank, where ``skip`` says so."""
    return model.no_sync() if skip and isinstance(model, DistributedDataParallel) else contextlib.nullcontext()
