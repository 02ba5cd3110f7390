"""The gradient of a step, from its micro-batches."""

import dataclasses
import time
from collections.abc import Iterator

import torch
from torch import nn

from sightline import distributed
from sightline.data.loader import Batch
from sightline.data.mix import mixed
from sightline.data.order import stream_key
from sightline.task.task import Outcome
from sightline.training.arithmetic import cast
from sightline.training.job import LAYOUTS, Job
from sightline.training.wrap import without_sync


@dataclasses.dataclass(frozen=True)
class Sums:
    """What a step's samples gave, on this rank."""

    totals: torch.Tensor
    """Sum of the losses and of the scores, ``[2]``, on the device."""
    count: int
    """Samples of the step over all ranks."""
    waited: float
    """Seconds that the loop waited for batches."""


def add_gradients(job: Job, model: nn.Module, batches: Iterator[tuple[Batch, int]], step: int) -> Sums:
    """Forward under autocast and scaled backward over the micro-batches of a step; gradients add up in the parameters.

    What a sample weighs depends neither on who computes it nor on its batch: losses are divided by the samples of the
    step, not by what those happen to weigh. Random numbers are seeded after the batch is there: a loader draws some
    when it starts, in whatever step.
    """
    plan = job.plan
    totals, count, waited = torch.zeros(2, device=plan.device), 0, 0.0
    for micro in range(plan.accumulate):
        asked = time.perf_counter()
        batch, count = next(batches)
        waited += time.perf_counter() - asked
        key = stream_key(plan.seed, step, distributed.rank(), micro)
        torch.manual_seed(key)
        with without_sync(model, micro + 1 < plan.accumulate):
            outcome = _forward(job, model, batch, step, key)
            job.scaler.scale(outcome.loss * (distributed.world() / count)).backward()
        totals += torch.stack([outcome.loss.detach(), outcome.score])
    return Sums(totals, count, waited)


def _forward(job: Job, model: nn.Module, batch: Batch, step: int, key: int) -> Outcome:
    plan = job.plan
    inputs = job.task.inputs(batch.pixels, plan.device, LAYOUTS[plan.layout])
    targets = batch.targets.to(plan.device, non_blocking=True)
    weights = None if batch.weights is None else batch.weights.to(plan.device, non_blocking=True)
    if plan.mixing is not None and step < plan.mixed:
        inputs, targets, weights = mixed(inputs, targets, weights, plan.mixing, key)
    own = {} if weights is None else {"weights": weights}  # a user's task may know of no weights
    with cast(plan.precision, plan.device):
        return job.task.outcome(model, inputs, targets, **own)
