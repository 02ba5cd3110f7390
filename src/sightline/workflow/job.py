"""From what was prepared to the job that the loop works on."""

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import nn

from sightline import distributed
from sightline.config import RunConfig
from sightline.data.loader import Batch, evaluation_pieces, training_pieces
from sightline.data.order import batch_bounds, steps_per_epoch
from sightline.evaluation.predict import loss_and_accuracy
from sightline.records import Record
from sightline.run import Run
from sightline.sinks.console import ConsoleSink
from sightline.sinks.jsonl import JsonlSink
from sightline.sinks.tensorboard import TensorboardSink
from sightline.training.checkpoint import Checkpoints
from sightline.training.ema import Ema
from sightline.training.loop import LAYOUTS, Job, Plan
from sightline.training.optimizers import make_optimizer
from sightline.training.schedules import make_schedule, steps_of
from sightline.workflow.environment import usable_device
from sightline.workflow.feed import Feed
from sightline.workflow.prepare import Prepared, training_part
from sightline.workflow.say import Say


class Sink(Protocol):
    """A consumer of records."""

    def write(self, record: Record) -> None:
        """Take a record."""
        ...

    def close(self) -> None:
        """The training has ended."""
        ...


def make_job(prepared: Prepared, run: Run, feed: Feed) -> Job:
    """Put the pieces together.

    Raises:
        ConfigError: durations, device or schedule do not fit.
    """
    config, built = prepared.config, prepared.built
    train = config.train
    device = usable_device(train.device)
    built.module.to(device).to(memory_format=LAYOUTS[train.layout])
    plan = make_plan(config, len(training_part(prepared.samples, config)), device)
    optimizer = make_optimizer(built, train, float(train.lr), float(train.optimizer.weight_decay))
    return Job(
        plan=plan,
        built=built,
        task=prepared.task,
        optimizer=optimizer,
        scaler=torch.amp.GradScaler(device.type, enabled=train.precision == "fp16"),
        ema=None if train.ema is None else Ema(built.module, train.ema),
        checkpoints=Checkpoints(run.checkpoints),
        batches=lambda first, last: _batches(prepared, feed, plan, first, last),
        evaluate=_evaluator(prepared, feed, plan) if len(prepared.samples.part("val")) else None,
        position=lambda: 0,
    )


def make_plan(config: RunConfig, samples: int, device: torch.device) -> Plan:
    """Durations in steps, and the schedule."""
    train = config.train
    per_epoch = steps_per_epoch(samples, int(train.batch_size))
    steps = train.steps or int(train.epochs) * per_epoch
    warmup = steps_of(train.schedule.warmup, per_epoch, steps)
    return Plan(
        seed=config.seed,
        steps=steps,
        per_epoch=per_epoch,
        accumulate=train.accumulate,
        lr=make_schedule(train.schedule, float(train.lr), warmup, steps),
        clip=train.clip,
        freeze=steps_of(train.freeze, per_epoch, steps),
        evaluate=max(1, steps_of(train.evaluate, per_epoch, steps)),
        save=max(1, steps_of(train.save, per_epoch, steps)),
        patience=None if train.patience is None else max(1, steps_of(train.patience, per_epoch, steps)),
        precision=train.precision,
        layout=train.layout,
        device=device,
    )


def sinks_of(job: Job, run: Run, config: RunConfig, say: Say, size: int, stack: contextlib.ExitStack) -> list[Sink]:
    """The consumers of this run's records, closed with ``stack``; only rank 0 has any.

    Args:
        job: is given the position of the records on disk.
        run: where files go.
        config: says whether TensorBoard is wanted.
        say: where the progress goes.
        size: bytes of the records that count.
        stack: closes the sinks.
    """
    if not distributed.is_main():
        return []
    jsonl = JsonlSink(run.records, size)
    stack.callback(jsonl.close)
    job.position = jsonl.flush
    console = ConsoleSink(say.console, job.plan.steps, job.state.step)
    stack.callback(console.close)
    sinks: list[Sink] = [jsonl, console]
    if config.train.tensorboard:
        board = TensorboardSink(run.tensorboard, job.state.step, say.note)
        stack.callback(board.close)
        sinks.append(board)
    return sinks


def _batches(prepared: Prepared, feed: Feed, plan: Plan, first: int, last: int) -> Iterator[tuple[Batch, int]]:
    config = prepared.config
    indices = training_part(prepared.samples, config)
    batch_size = int(config.train.batch_size)
    pieces = training_pieces(
        indices,
        seed=config.seed,
        batch_size=batch_size,
        accumulate=plan.accumulate,
        rank=distributed.rank(),
        world=distributed.world(),
        first_step=first,
        last_step=last,
    )
    for place, batch in enumerate(feed.batches(feed.training(plan.device), pieces, plan.device)):
        step = first + place // plan.accumulate
        begin, end = batch_bounds(len(indices), batch_size, step % plan.per_epoch)
        yield batch, end - begin


def _evaluator(prepared: Prepared, feed: Feed, plan: Plan) -> Any:
    config = prepared.config
    indices = prepared.samples.part("val")
    pieces = evaluation_pieces(indices, config.evaluation.batch_size, distributed.rank(), distributed.world())

    def evaluate(module: nn.Module) -> dict[str, float]:
        distributed.same_buffers(module)
        batches = feed.batches(feed.judging(plan.device), pieces, plan.device)
        sums = loss_and_accuracy(module, prepared.task, batches, plan.device, LAYOUTS[plan.layout])
        loss, correct, count = distributed.summed(sums).tolist()
        return {"val_loss": loss / count, "val_accuracy": correct / count}

    return evaluate
