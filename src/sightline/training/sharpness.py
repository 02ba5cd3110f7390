"""Sharpness-aware minimization: the gradient at the worst point nearby."""

import dataclasses
import time
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from sightline.data.loader import Batch
from sightline.training.gradients import Sums, add_gradients
from sightline.training.job import Job


def add_uphill_gradients(job: Job, model: nn.Module, batches: Iterator[tuple[Batch, int]], step: int) -> Sums:
    """The gradient of a step where the loss is about the highest within ``rho`` (SAM, Foret et al. 2021).

    The way there is the gradient of the whole step, over all micro-batches and ranks. Both gradients come from the same
    images with the same random numbers; losses and batch statistics are those of the first. Afterwards the weights are
    bit for bit what they were.

    Args:
        job: its plan says how far, and whether adaptively (ASAM, Kwon et al. 2021).
        model: the network as it is called in training.
        batches: gives the micro-batches of the step.
        step: the step.
    """
    asked = time.perf_counter()
    own = [next(batches) for _ in range(job.plan.accumulate)]
    waited = time.perf_counter() - asked
    sums = add_gradients(job, model, iter(own), step)
    learning = [one for one in job.built.module.parameters() if one.grad is not None]
    before = [one.detach().clone() for one in learning]
    buffers = [(buffer, buffer.clone()) for buffer in job.built.module.buffers()]
    with torch.no_grad():
        for one, way in zip(learning, ascent(learning, job.plan.sam.rho, job.plan.sam.adaptive), strict=True):
            one.add_(way)
            one.grad = None
    again = add_gradients(job, model, iter(own), step)
    with torch.no_grad():
        for one, value in [*zip(learning, before, strict=True), *buffers]:
            one.copy_(value)
    return dataclasses.replace(sums, waited=waited, notes=[*sums.notes, *again.notes])


def ascent(parameters: Sequence[nn.Parameter], rho: float, adaptive: bool) -> list[torch.Tensor]:
    """How far each parameter goes uphill: ``rho g / ||g||``, adaptively ``rho w^2 g / || |w| g ||``.

    A gradient that is scaled by any factor gives the same way. One that is not finite, as a gradient scaler meets now
    and then, gives none: the scaler then skips the step.
    """
    gradients = [one.grad for one in parameters if one.grad is not None]
    scales = [one.detach().abs() if adaptive else torch.ones_like(one) for one in parameters]
    steep = [gradient * scale for gradient, scale in zip(gradients, scales, strict=True)]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(one) for one in steep]))
    share = rho / (norm + 1e-12)
    return [
        torch.where(norm.isfinite(), one * scale * share, torch.zeros_like(one))
        for one, scale in zip(steep, scales, strict=True)
    ]
