"""From what was prepared to the job that the loop works on."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sightline import distributed
from sightline.config import RunConfig
from sightline.data.loader import Batch, training_pieces
from sightline.data.mix import Mixing
from sightline.data.order import batch_bounds
from sightline.data.stream import stream_order
from sightline.errors import ConfigError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.training.config import TrainConfig
from sightline.training.digests import Digests
from sightline.training.ema import Ema
from sightline.training.freezing import make_freezing
from sightline.training.job import LAYOUTS, Job, Lowering, Plan, Rollback
from sightline.training.optimizers import make_optimizer
from sightline.training.parallel import parallel_of
from sightline.training.schedules import Clock, clock_of, rate_of, steps_of
from sightline.training.swa import Swa
from sightline.workflow.balance import training_part
from sightline.workflow.environment import usable_device
from sightline.workflow.feed import Feed
from sightline.workflow.judging import evaluator
from sightline.workflow.prepare import Prepared
from sightline.workflow.watching import seen_part


def make_job(prepared: Prepared, run: Run, feed: Feed) -> Job:
    """Put the pieces together.

    Raises:
        ConfigError: durations, device or schedule do not fit.
        ModelError: its backbone shall be frozen and it has no head.
    """
    config, built = prepared.config, prepared.built
    train = config.train
    parallel = parallel_of(train.distributed, usable_device(train.device))
    device = parallel.devices[0]
    plan = make_plan(prepared, device)
    ema = None if train.ema is None else Ema(built.module, train.ema)
    swa = _swa(built.module, train, Clock(plan.per_epoch, 0, plan.steps))
    for module in (built.module, *(own.module for own in (ema, swa) if own is not None)):
        parallel.place(module, LAYOUTS[train.layout])
    val, seen = prepared.samples.part("val"), seen_part(prepared.samples, config)
    optimizer = make_optimizer(built, train, float(train.lr), float(train.optimizer.weight_decay))
    return Job(
        plan=plan,
        built=built,
        task=prepared.task,
        optimizer=optimizer,
        scaler=torch.amp.GradScaler(device.type, enabled=train.precision == "fp16"),
        ema=ema,
        swa=swa,
        checkpoints=Checkpoints(run.checkpoints),
        batches=lambda first, last: _batches(prepared, feed, plan, first, last),
        evaluate=evaluator(prepared, feed, plan, val, "val") if len(val) else None,
        seen=evaluator(prepared, feed, plan, seen, "seen") if len(seen) else None,
        position=lambda: 0,
        digests=Digests() if train.digests else None,
    )


def make_plan(prepared: Prepared, device: torch.device) -> Plan:
    """Durations in steps, the schedule, and what learns when."""
    config = prepared.config
    train, samples = config.train, len(training_part(prepared.samples, config))
    clock = clock_of(train, samples)
    per_epoch, steps = clock.per_epoch, clock.total
    mixing = _mixing(config, len(prepared.contract.classes))
    return Plan(
        seed=config.seed,
        steps=steps,
        per_epoch=per_epoch,
        accumulate=int(train.accumulate),
        lr=rate_of(train, clock),
        lowering=_lowering(config, clock),
        clip=train.clip,
        frozen=make_freezing(prepared.built, train, clock).at,
        evaluate=max(1, steps_of(train.evaluate, per_epoch, steps)),
        save=max(1, steps_of(train.save, per_epoch, steps)),
        patience=None if train.patience is None else max(1, steps_of(train.patience, per_epoch, steps)),
        sharded=train.checkpoint == "sharded",
        rollback=_rollback(config),
        precision=train.precision,
        layout=train.layout,
        compile=train.compile,
        device=device,
        l1=train.l1,
        orthogonal=train.orthogonal,
        noise=train.noise,
        sam=train.sam,
        mixing=mixing,
        mixed=_mixed_steps(config, samples, per_epoch, steps) if mixing is not None else 0,
    )


def _swa(module: nn.Module, train: TrainConfig, clock: Clock) -> Swa | None:
    if train.swa is None:
        return None
    length = clock.steps(train.swa, "train.swa")
    if not 2 <= length <= clock.total:
        raise ConfigError(
            "an average of one is none" if length < 2 else "the average would begin before the run",
            where="train.swa", got=f"{length} of {clock.total} steps", hint="set it to 25%, or to some epochs",
        )  # fmt: skip
    return Swa(module, clock.total - length)


def _lowering(config: RunConfig, clock: Clock) -> Lowering | None:
    schedule = config.train.schedule
    if schedule.name != "plateau":
        return None
    wait = clock.steps(schedule.wait, "train.schedule.wait")
    turn = max(1, steps_of(config.train.evaluate, clock.per_epoch, clock.total))
    first = turn * math.ceil((turn + wait) / turn)
    if first >= clock.total:
        raise ConfigError(
            "plateau would never lower the rate", where="train.schedule.wait",
            got=f"{schedule.wait} after the first evaluation, of {clock.total} steps with one each {turn}",
            hint="wait less, evaluate more often, or train longer",
        )  # fmt: skip
    return Lowering(schedule.factor, wait)


def _rollback(config: RunConfig) -> Rollback:
    own = config.train.non_finite
    return Rollback(own.times, own.factor) if own.then == "rollback" else Rollback()


def _mixing(config: RunConfig, classes: int) -> Mixing | None:
    data = config.data
    if not data.mixup and not data.cutmix:
        return None
    return Mixing(classes=classes, mixup=data.mixup, cutmix=data.cutmix, probability=data.mix_probability)


def _mixed_steps(config: RunConfig, samples: int, per_epoch: int, steps: int) -> int:
    """How many steps mix.

    Raises:
        ConfigError: none would, or micro-batches hold one image, which has none to be mixed with.
    """
    mixed = steps - config.data.mix_off_epochs * per_epoch
    if mixed <= 0:
        raise ConfigError(
            "nothing would be mixed", where="data.mix_off_epochs",
            got=f"{config.data.mix_off_epochs} epochs without mixing, of {steps / per_epoch:g}",
            hint="set it lower, or leave out data.mixup and data.cutmix",
        )  # fmt: skip
    smallest = samples // per_epoch // (distributed.world() * int(config.train.accumulate))
    if smallest < 2:
        raise ConfigError(
            "a micro-batch of one image has none to mix it with", where="data.mixup, data.cutmix",
            got=f"{samples // per_epoch} images a step for {distributed.world()} ranks x {config.train.accumulate} "
            "micro-batches",
            hint="use a larger train.batch_size or less train.accumulate",
        )  # fmt: skip
    return mixed


def _batches(prepared: Prepared, feed: Feed, plan: Plan, first: int, last: int) -> Iterator[tuple[Batch, int]]:
    config = prepared.config
    indices = training_part(prepared.samples, config)
    batch_size = int(config.train.batch_size)
    pieces = training_pieces(
        indices,
        order=_stream_order(prepared, indices) if config.data.stream else prepared.balance.order,
        batch_size=batch_size,
        accumulate=plan.accumulate,
        rank=distributed.rank(),
        world=distributed.world(),
        first_step=first,
        last_step=last,
    )
    own = prepared.balance.sample_weights
    columns = {"weights": own, "answers": prepared.answers}
    given = {name: torch.from_numpy(column) for name, column in columns.items() if column is not None}
    for place, batch in enumerate(feed.batches(feed.training(plan.device), pieces, plan.device)):
        step = first + place // plan.accumulate
        begin, end = batch_bounds(len(indices), batch_size, step % plan.per_epoch)
        yield dataclasses.replace(batch, **{name: column[batch.indices] for name, column in given.items()}), end - begin


def _stream_order(prepared: Prepared, indices: NDArray[np.int64]) -> Callable[[int], NDArray[np.int64]]:
    """From the epoch to the places in ``indices`` in which a stream gives them."""
    samples, seed, buffer = prepared.samples, prepared.config.seed, prepared.config.data.shuffle_buffer
    return lambda epoch: np.searchsorted(indices, stream_order(samples, indices, seed, epoch, buffer))
