"""The training loop: a generator that changes the weights and yields what happened.

What changes the weights is here, by name, in order. What only watches pulls the records.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from sightline import distributed
from sightline.data.loader import Batch
from sightline.data.mix import Mixing, mixed
from sightline.data.order import stream_key
from sightline.errors import NonFiniteError
from sightline.model.build import Built
from sightline.model.freeze import set_frozen, training_mode
from sightline.records import Record
from sightline.task.classification import Classification, Outcome
from sightline.training.checkpoint import Checkpoints
from sightline.training.ema import Ema
from sightline.training.optimizers import set_lr

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Arithmetic of the forward and backward pass, by its name in the settings."""
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
"""Memory layouts, by their name in the settings."""
_LOOK_EVERY = 20


@dataclasses.dataclass(frozen=True)
class Lowering:
    """The plateau schedule: the rate falls when the validation score has not improved for a while."""

    factor: float
    """What it is multiplied by."""
    wait: int
    """Steps since the best score, or since it was last lowered."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is settled before the first step. Counts are in optimizer steps."""

    seed: int
    steps: int
    per_epoch: int
    accumulate: int
    lr: Callable[[int], float]
    clip: float | None
    freeze: int
    evaluate: int
    save: int
    patience: int | None
    precision: str
    layout: str
    device: torch.device
    mixing: Mixing | None = None
    mixed: int = 0
    """How many steps from the first one mix their images."""
    lowering: Lowering | None = None

    def rate(self, state: "State") -> float:
        """The learning rate of the next step: a function of the step, but for what a plateau has lowered."""
        return self.lr(state.step) * (1.0 if self.lowering is None else self.lowering.factor**state.lowered)


@dataclasses.dataclass(kw_only=True)
class State:
    """What changes from step to step, beside the weights."""

    step: int = 0
    best_step: int | None = None
    best_accuracy: float = -1.0
    best_loss: float = float("inf")
    lowered: int = 0
    """How often a plateau has lowered the rate."""
    lowered_at: int = 0
    enough: bool = False
    """Set by a consumer of the records that ends the training for good, such as early stopping."""


@dataclasses.dataclass(kw_only=True, eq=False)
class Job:
    """Everything that the loop works on."""

    plan: Plan
    built: Built
    task: Classification
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    ema: Ema | None
    checkpoints: Checkpoints
    batches: Callable[[int, int], Iterator[tuple[Batch, int]]]
    """(first step, last step) -> micro-batches of this rank, each with the samples of its step over all ranks."""
    evaluate: Callable[[nn.Module], dict[str, float]] | None
    """The validation figures of a network: ``val_loss`` and ``val_accuracy``; ``None`` without a validation part."""
    position: Callable[[], int]
    """How many bytes of the records are safely on disk, for the checkpoint to remember."""
    state: State = dataclasses.field(default_factory=State)

    @property
    def judged(self) -> nn.Module:
        """The network that is evaluated and exported: the average where there is one."""
        return self.ema.module if self.ema is not None else self.built.module


def train(job: Job, stop: Callable[[], bool] = lambda: False) -> Iterator[Record]:
    """Train from ``job.state.step`` to the end of the plan.

    Args:
        job: is changed in place.
        stop: asked after each step; the loop then saves and returns.

    Yields:
        A record after each optimizer step, after each evaluation, and before each checkpoint is written.

    Raises:
        NonFiniteError: the loss or the weights became NaN or infinite; names the step and the last good checkpoint.
    """
    plan, state = job.plan, job.state
    watch = _Watch(job)
    model, frozen = _wrapped(job, state.step < plan.freeze), state.step < plan.freeze
    batches = job.batches(state.step, plan.steps)
    last = time.perf_counter()
    for step in range(state.step, plan.steps):
        # Schedule: learning rate and what may learn.
        lr = plan.rate(state)
        set_lr(job.optimizer, lr)
        if frozen and step >= plan.freeze:
            frozen = False
            model = _wrapped(job, frozen)
        training_mode(job.built, frozen)

        # Micro-batches: forward under autocast, scaled backward. What a sample weighs depends neither on who computes
        # it nor on its batch: losses are divided by the samples of the step, not by what those happen to weigh.
        # Random numbers are seeded after the batch is there: a loader draws some when it starts, in whatever step.
        sums, count, waited = torch.zeros(2, device=plan.device), 0, 0.0
        for micro in range(plan.accumulate):
            asked = time.perf_counter()
            batch, count = next(batches)
            waited += time.perf_counter() - asked
            key = stream_key(plan.seed, step, distributed.rank(), micro)
            torch.manual_seed(key)
            with _without_sync(model, micro + 1 < plan.accumulate):
                outcome = _forward(job, model, batch, plan.mixing if step < plan.mixed else None, key)
                job.scaler.scale(outcome.loss * (distributed.world() / count)).backward()
            sums += torch.stack([outcome.loss.detach(), outcome.correct])

        # Unscale, clip, step, average.
        norm = None
        if plan.clip is not None:
            job.scaler.unscale_(job.optimizer)
            norm = nn.utils.clip_grad_norm_(job.built.module.parameters(), plan.clip)
        job.scaler.step(job.optimizer)
        job.scaler.update()
        job.optimizer.zero_grad(set_to_none=True)
        if job.ema is not None:
            job.ema.update(job.built.module, step)

        # Tell. The numbers stay on the device until somebody reads them.
        state.step = step + 1
        sums = distributed.summed(sums)
        watch.see(sums[0], state.step)
        values = {"loss": sums[0] / count, "accuracy": sums[1] / count, "lr": lr, "images": count}
        values |= {"seconds": round(time.perf_counter() - last, 6), "wait": round(waited, 6)}
        yield _record(job, "step", values if norm is None else values | {"grad_norm": norm})

        # Evaluate when due; save when due, and after the best evaluation so far. A stop never adds an evaluation: a run
        # that was interrupted and resumed must not differ from one that was not.
        final, best = state.step == plan.steps, False
        if job.evaluate is not None and (final or state.step % plan.evaluate == 0):
            record, best = _evaluated(job, job.evaluate)
            yield record
        ending = final or distributed.any_rank(stop(), plan.device)
        if ending or best or state.step % plan.save == 0:
            watch.look()
            yield _record(job, "save", {"best": best or job.evaluate is None})
            _save(job, best or job.evaluate is None)
        if ending:
            return
        last = time.perf_counter()


class _Watch:
    """Finds the first step with a non-finite loss, without making the host wait at every step on a GPU."""

    def __init__(self, job: Job):
        self.job = job
        self.first_bad = torch.zeros((), dtype=torch.int64, device=job.plan.device)
        self.every = 1 if job.plan.device.type == "cpu" else _LOOK_EVERY

    def see(self, loss: torch.Tensor, step: int) -> None:
        bad = ~torch.isfinite(loss) & (self.first_bad == 0)
        self.first_bad = torch.where(bad, step, self.first_bad)
        if step % self.every == 0:
            self._stop_at(int(self.first_bad.item()), "loss")

    def look(self) -> None:
        """Before a save: nothing non-finite may get into a checkpoint."""
        self._stop_at(int(self.first_bad.item()), "loss")
        finite = all(bool(torch.isfinite(p).all()) for p in self.job.built.module.parameters())
        self._stop_at(0 if finite else self.job.state.step, "weights")

    def _stop_at(self, step: int, thing: str) -> None:
        if not step:
            return
        entries = self.job.checkpoints.entries()
        good = (
            f"the last good checkpoint is {entries[-1].file} (step {entries[-1].step})" if entries else "none was saved"
        )
        raise NonFiniteError(
            f"the {thing} became NaN or infinite at step {step}",
            where=str(self.job.checkpoints.folder.parent),
            hint=f"{good}; train with a lower -s train.lr=…, with -s train.clip=1, or in -s train.precision=fp32",
        )


def _wrapped(job: Job, frozen: bool) -> nn.Module:
    """The network as the ranks train it together. Which parameters learn is fixed at wrapping."""
    set_frozen(job.built, frozen)
    if distributed.world() == 1:
        return job.built.module
    devices = [job.plan.device.index] if job.plan.device.type == "cuda" else None
    return DistributedDataParallel(job.built.module, device_ids=devices)


def _without_sync(model: nn.Module, skip: bool) -> contextlib.AbstractContextManager[None]:
    return model.no_sync() if skip and isinstance(model, DistributedDataParallel) else contextlib.nullcontext()


def _forward(job: Job, model: nn.Module, batch: Batch, mixing: Mixing | None, key: int) -> Outcome:
    plan = job.plan
    inputs = job.task.inputs(batch.pixels, plan.device, LAYOUTS[plan.layout])
    targets = batch.targets.to(plan.device, non_blocking=True)
    weights = None if batch.weights is None else batch.weights.to(plan.device, non_blocking=True)
    if mixing is not None:
        inputs, targets, weights = mixed(inputs, targets, weights, mixing, key)
    own = {} if weights is None else {"weights": weights}  # a user's task may know of no weights
    with torch.autocast(plan.device.type, DTYPES[plan.precision], enabled=plan.precision != "fp32"):
        return job.task.outcome(model, inputs, targets, **own)


def _record(job: Job, kind: Any, values: dict[str, Any]) -> Record:
    return Record(kind=kind, step=job.state.step, epoch=job.state.step / job.plan.per_epoch, values=values)


def _evaluated(job: Job, evaluate: Callable[[nn.Module], dict[str, float]]) -> tuple[Record, bool]:
    """Evaluate, and say whether this is the best so far: higher accuracy, or equal accuracy and lower loss."""
    state, figures = job.state, evaluate(job.judged)
    score, so_far = (figures["val_accuracy"], -figures["val_loss"]), (state.best_accuracy, -state.best_loss)
    best = score > so_far
    if best:
        state.best_step, state.best_accuracy, state.best_loss = state.step, figures["val_accuracy"], figures["val_loss"]
    lowering = job.plan.lowering
    if lowering is not None and state.step - max(state.best_step or 0, state.lowered_at) >= lowering.wait:
        state.lowered, state.lowered_at = state.lowered + 1, state.step
    return _record(job, "eval", {**figures, "best": best}), best


def _save(job: Job, best: bool) -> None:
    """Write a checkpoint from rank 0; the others wait until it is on disk."""
    if distributed.is_main():
        job.checkpoints.save(snapshot(job), job.state.step, best=best)
    distributed.from_main(None)


def snapshot(job: Job) -> dict[str, Any]:
    """Everything that the next step depends on."""
    return {
        "model": job.built.module.state_dict(),
        "ema": None if job.ema is None else job.ema.module.state_dict(),
        "optimizer": job.optimizer.state_dict(),
        "scaler": job.scaler.state_dict(),
        "state": dataclasses.asdict(job.state),
        "records": job.position(),
    }


def restore(job: Job, content: dict[str, Any]) -> None:
    """Put a job back to where ``snapshot`` was taken."""
    job.built.module.load_state_dict(content["model"])
    if job.ema is not None:
        job.ema.module.load_state_dict(content["ema"])
    job.optimizer.load_state_dict(content["optimizer"])
    job.scaler.load_state_dict(content["scaler"])
    job.state = State(**content["state"])
