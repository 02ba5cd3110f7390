"""The gradient of a step, from its micro-batches; where memory runs out, from smaller ones."""

import dataclasses
import functools
import time
from collections.abc import Iterator

import torch
from torch import nn

from sightline import distributed
from sightline.data.loader import Batch
from sightline.data.mix import mixed
from sightline.data.order import stream_key
from sightline.errors import OutOfMemoryError
from sightline.task.task import Outcome
from sightline.training.arithmetic import cast
from sightline.training.job import LAYOUTS, Job
from sightline.training.looking import looked_at
from sightline.training.losses import of_batch
from sightline.training.noise import noisy_inputs
from sightline.training.shortage import Buffers, is_out_of_memory, release
from sightline.training.usage import first_counted
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
    notes: list[str]
    """What happened on the way, in words."""


def add_gradients(job: Job, model: nn.Module, batches: Iterator[tuple[Batch, int]], step: int) -> Sums:
    """Forward under autocast and scaled backward over the micro-batches of a step; gradients add up in the parameters.

    What a sample weighs depends neither on who computes it nor on its batch: losses are divided by the samples of the
    step, not by what those happen to weigh. Where memory runs out the step begins anew with micro-batches of half the
    size, and so do all later ones: from there on the training is the one with so many micro-batches, bit for bit.

    Raises:
        OutOfMemoryError: one image is too much, or there are several ranks.
    """
    taken, notes = _Taken(batches, job.plan.accumulate), list[str]()
    if job.buffers is None:
        job.buffers = Buffers(job.built.module)
    job.buffers.remember()
    while (totals := _attempt(job, model, taken, step)) is None:
        # Nothing of the failed attempt may remain: neither gradients nor what it held, nor what it did to statistics.
        for parameter in job.built.module.parameters():
            parameter.grad = None
        job.buffers.restore()
        notes.append(_divide(job, taken, step))
        release(job.plan.device)
    if job.digests is not None:
        job.digests.see(taken.kept, job.built.module)
    return Sums(totals, taken.count, taken.waited, notes)


class _Taken:
    """The micro-batches of one step, as the loader gives them, kept until the step is done."""

    def __init__(self, batches: Iterator[tuple[Batch, int]], accumulate: int):
        self.batches, self.accumulate = batches, accumulate
        self.kept = list[Batch]()
        self.count, self.waited = 0, 0.0

    def pieces(self, number: int) -> Iterator[tuple[int, Batch, bool]]:
        """Each micro-batch in so many pieces: its number, what is in it, whether it is the last.

        Numbers, contents and order are those that the loader would give if it made so many micro-batches.
        """
        if number == 1:
            for place in range(self.accumulate):
                yield place, self._micro(place), place + 1 == self.accumulate
            return
        micros = [self._micro(place) for place in range(self.accumulate)]
        found = [(place + piece * self.accumulate, _part(micro, piece, number))
                 for piece in range(number) for place, micro in enumerate(micros)
                 if piece < len(micro.targets)]  # fmt: skip
        for place, (key, batch) in enumerate(found):
            yield key, batch, place + 1 == len(found)

    def _micro(self, place: int) -> Batch:
        if place == len(self.kept):
            asked = time.perf_counter()
            batch, self.count = next(self.batches)
            self.waited += time.perf_counter() - asked
            self.kept.append(batch)
        return self.kept[place]


def _seed(key: int, device: torch.device) -> None:
    """What ``torch.manual_seed`` does, on the devices that are used: it takes a millisecond where there is no GPU."""
    torch.default_generator.manual_seed(key)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(key)


def _part(batch: Batch, piece: int, number: int) -> Batch:
    """Every so manieth sample, as ``training_pieces`` deals them out."""
    return dataclasses.replace(batch, **{k: v[piece::number] for k, v in vars(batch).items() if v is not None})


def _attempt(job: Job, model: nn.Module, taken: _Taken, step: int) -> torch.Tensor | None:
    """The sums over all micro-batches of a step; ``None`` where memory ran out.

    Random numbers are seeded after the batch is there: a loader draws some when it starts, in whatever step.
    """
    totals = torch.zeros(2, device=job.plan.device)
    for micro, batch, last in taken.pieces(job.state.pieces):
        key = stream_key(job.plan.seed, step, distributed.rank(), micro)
        look = looked_at(job, functools.partial(_apart, job, batch, step, key))
        _seed(key, job.plan.device)
        try:
            with without_sync(model, not last):
                with first_counted(job), look:
                    outcome = _forward(job, model, batch, step, key)
                job.scaler.scale(outcome.loss * (distributed.world() / taken.count)).backward()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None
        totals += torch.stack([outcome.loss.detach(), outcome.score])
    return totals


def _divide(job: Job, taken: _Taken, step: int) -> str:
    """Compute this step and all later ones in twice as many pieces; says so.

    Raises:
        OutOfMemoryError: there is nothing to divide, or other ranks already wait for what this one has not computed.
    """
    images = -(-max(len(batch.targets) for batch in taken.kept) // job.state.pieces)
    if of_batch(job.task.loss):
        raise OutOfMemoryError(
            f"memory ran out at step {step + 1}, and the loss compares the {images} images of a whole batch",
            hint="train with a smaller train.batch_size, or with another loss",
        )
    if distributed.world() > 1 or images == 1:
        alone = distributed.world() == 1
        raise OutOfMemoryError(
            f"memory ran out at step {step + 1} with micro-batches of {images} image{'s' if images > 1 else ''}",
            where="" if alone else f"rank {distributed.rank()} of {distributed.world()}",
            hint="train a smaller network or smaller images" if alone
            else "several ranks cannot divide a step that has begun: train again with a larger train.accumulate, "
            "or in one process",
        )  # fmt: skip
    job.state.pieces *= 2
    alone = "; an image that is alone in its micro-batch is not mixed" if job.plan.mixing and images == 2 else ""
    return (
        f"memory ran out at step {step + 1} with micro-batches of {images} images; "
        f"from this step on each has {-(-images // 2)} at most, and the batches stay what they are{alone}"
    )


def _apart(job: Job, batch: Batch, step: int, key: int) -> None:
    """A forward pass beside those of the training, through the network as it was built."""
    _seed(key, job.plan.device)
    _forward(job, job.built.module, batch, step, key)


def _forward(job: Job, model: nn.Module, batch: Batch, step: int, key: int) -> Outcome:
    plan = job.plan
    inputs = job.task.inputs(batch.pixels, plan.device, LAYOUTS[plan.layout])
    targets = batch.targets.to(plan.device, non_blocking=True)
    weights = None if batch.weights is None else batch.weights.to(plan.device, non_blocking=True)
    if plan.mixing is not None and step < plan.mixed:
        inputs, targets, weights = mixed(inputs, targets, weights, plan.mixing, key)
    inputs = noisy_inputs(inputs, plan.noise.inputs, key)
    own = {} if weights is None else {"weights": weights}  # a user's task may know of no weights
    if batch.answers is not None:
        own["answers"] = batch.answers.to(plan.device, non_blocking=True)
    with cast(plan.precision, plan.device):
        return job.task.outcome(model, inputs, targets, **own)
