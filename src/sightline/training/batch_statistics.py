"""Batch statistics of an average of weights, which no training step has seen."""

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from sightline import distributed
from sightline.data.loader import Batch
from sightline.model.build import Built
from sightline.model.freeze import training_mode
from sightline.task.task import Task
from sightline.training.job import DTYPES, LAYOUTS, Job, Plan

BatchNorm = nn.modules.batchnorm._BatchNorm  # pyright: ignore[reportPrivateUsage]  the one parent of all batch norms


def settle(job: Job) -> None:
    """At the end of the run: give the average batch statistics of its own, over the images of the last epoch.

    From here on it is what is judged. Layers that are frozen to the end keep their statistics.
    """
    if job.swa is None:
        return
    plan, module = job.plan, job.swa.module
    norms = learning_norms(dataclasses.replace(job.built, module=module), plan.frozen(plan.steps - 1))
    if norms:
        batches = job.batches(max(0, plan.steps - plan.per_epoch), plan.steps)
        estimate_statistics(module, norms, batches, job.task, plan)
    module.eval()
    job.swa.settled = True


def learning_norms(built: Built, frozen: frozenset[str]) -> list[BatchNorm]:
    """The batch norms whose statistics follow the images in training; leaves the network in training mode."""
    training_mode(built, frozen)
    norms = [layer for layer in built.module.modules() if isinstance(layer, BatchNorm) and layer.training]
    return [norm for norm in norms if norm.running_mean is not None]


@torch.no_grad()
def estimate_statistics(
    module: nn.Module, norms: Sequence[BatchNorm], batches: Iterator[tuple[Batch, int]], task: Task, plan: Plan
) -> None:
    """Set running mean and variance of batch norms to the mean of those of batches, over all ranks.

    Everything else, dropout among it, is as in evaluation.

    Args:
        module: is changed in place and left in evaluation mode.
        norms: those of its batch norms to set.
        batches: of training images.
        task: makes inputs of them.
        plan: says on which device and in which arithmetic.
    """
    module.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # torch's word for the mean of all
        norm.reset_running_stats()
        norm.train()
    with torch.autocast(plan.device.type, DTYPES[plan.precision], enabled=plan.precision != "fp32"):
        for batch, _ in batches:
            module(task.inputs(batch.pixels, plan.device, LAYOUTS[plan.layout]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        for buffer in (norm.running_mean, norm.running_var):
            if buffer is not None:
                buffer.copy_(distributed.summed(buffer) / distributed.world())
    module.eval()
