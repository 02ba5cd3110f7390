"""Noise in the training: a pure function of the seed and the step, so that a resumed run draws the same."""

import contextlib
from collections.abc import Generator

import torch

from sightline.data.order import stream_key
from sightline.training.job import Job
from sightline.training.parallel import like, whole_shape

_INPUTS, _WEIGHTS, _GRADIENTS = ((1 << 40) + place for place in range(3))
"""Streams of their own, beside those of ranks and micro-batches."""


def noisy_inputs(inputs: torch.Tensor, std: float, key: int) -> torch.Tensor:
    """Images with Gaussian noise.

    Args:
        inputs: normalized, ``[n, channels, h, w]``.
        std: in the units of normalized pixels; 0 gives the images back.
        key: of this micro-batch on this rank.
    """
    if not std:
        return inputs
    random = torch.Generator(inputs.device).manual_seed(stream_key(key, _INPUTS))
    return inputs + std * torch.empty_like(inputs).normal_(generator=random)


@contextlib.contextmanager
def noisy_weights(job: Job, step: int) -> Generator[None]:
    """Gaussian noise on the matrices and filters that learn, while the gradient is computed (Graves 2011).

    Every rank draws the same. Afterwards the weights are bit for bit what they were.
    """
    std = job.plan.noise.weights
    if not std:
        yield
        return
    own = [one for one in job.built.module.parameters() if one.requires_grad and one.ndim > 1]
    before = [one.detach().clone() for one in own]
    random = torch.Generator(job.plan.device).manual_seed(stream_key(job.plan.seed, step, _WEIGHTS))
    with torch.no_grad():
        for one in own:
            one.add_(_normal(one, random), alpha=std)
    try:
        yield
    finally:
        with torch.no_grad():
            for one, value in zip(own, before, strict=True):
                one.copy_(value)


def add_gradient_noise(job: Job, step: int) -> None:
    """Gaussian noise of variance ``eta / (1 + step) ** 0.55`` on the gradient (Neelakantan et al. 2015).

    It comes after clipping, so that it is as large as was set. Every rank draws the same.
    """
    eta = job.plan.noise.gradients
    if not eta:
        return
    std = (eta / (1 + step) ** 0.55) ** 0.5
    random = torch.Generator(job.plan.device).manual_seed(stream_key(job.plan.seed, step, _GRADIENTS))
    for one in job.built.module.parameters():
        if one.grad is not None:
            one.grad.add_(_normal(one.grad, random), alpha=std)


def _normal(other: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Normal noise of the shape of another tensor; of a shard, the part of what one process would draw."""
    layout = torch.preserve_format if other.device == random.device else torch.contiguous_format
    drawn = torch.empty_like(whole_shape(other), device=random.device, memory_format=layout).normal_(generator=random)
    return like(drawn.to(other.device), other)
