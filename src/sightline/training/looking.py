"""Looking at the layers in a step: where the loop lets it happen, and what keeps it from changing anything."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from sightline.records import Record
from sightline.training.job import Job, Looks
from sightline.training.shortage import is_out_of_memory


def begin_look(job: Job) -> None:
    """The next step begins."""
    if job.looks is not None:
        job.looks.begin(job.state.step + 1)


def looked_at(job: Job, forward: Callable[[], Any]) -> AbstractContextManager[None]:
    """What the forward pass of a micro-batch runs in: the first one of a step that is due is looked at.

    What torch.compile made cannot be looked into, and hooks would make it something else: there, the pass is computed
    once more by the network itself, before.

    Args:
        job: its network is looked at.
        forward: the pass through the network as it was built, which leaves no trace but in buffers and random numbers;
            those are seeded anew by the caller.
    """
    looks = job.looks
    if looks is None or not looks.waiting:
        return nullcontext()
    if job.plan.compile == "off":
        return looks.forward()
    _look_apart(job, looks, forward)
    return nullcontext()


def _look_apart(job: Job, looks: Looks, forward: Callable[[], Any]) -> None:
    buffers = [(buffer, buffer.clone()) for buffer in job.built.module.buffers()]
    try:
        with torch.no_grad(), looks.forward():
            forward()
    except (RuntimeError, MemoryError) as error:
        _drop(job, error)
    with torch.no_grad():
        for buffer, value in buffers:
            buffer.copy_(value)


def look_at_gradients(job: Job) -> None:
    """After the backward passes of a step, before anything is done to its gradient."""
    looks = job.looks
    if looks is None or not looks.due:
        return
    try:
        looks.backward(job.scaler.scale(torch.ones((), device=job.plan.device)))
    except (RuntimeError, MemoryError) as error:
        _drop(job, error)


def looked(job: Job) -> list[Record]:
    """After the step: a record of what was seen of the layers, where they were looked at."""
    looks = job.looks
    if looks is None or not looks.due:
        return []
    try:
        values, arrays = looks.told()
    except (RuntimeError, MemoryError) as error:
        _drop(job, error)
        return []
    step = job.state.step + 1
    return [Record(kind="look", step=step, epoch=step / job.plan.per_epoch, values=values, arrays=arrays)]


def _drop(job: Job, error: Exception) -> None:
    """Watching never ends a training: from here on it goes on without."""
    if not is_out_of_memory(error):
        raise error
    job.looks = None
    job.tell("warning: there is no memory to look at the layers; the training goes on without")
