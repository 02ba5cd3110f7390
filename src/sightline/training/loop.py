"""The training loop: a generator that changes the weights and yields what happened.

What changes the weights is here, by name, in order. What only watches pulls the records.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from sightline import distributed
from sightline.model.freeze import training_mode
from sightline.records import Record
from sightline.training.batch_statistics import settle
from sightline.training.gradients import add_gradients
from sightline.training.job import Job, Judged
from sightline.training.looking import begin_look, look_at_gradients, looked
from sightline.training.noise import add_gradient_noise, noisy_weights
from sightline.training.optimizers import set_lr
from sightline.training.parallel import whole
from sightline.training.penalties import add_penalties
from sightline.training.rollback import start_rollback
from sightline.training.saving import save
from sightline.training.sharpness import add_uphill_gradients
from sightline.training.watch import Watch
from sightline.training.wrap import wrapped


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
    watch = Watch(job)
    frozen = plan.frozen(state.step)
    model = wrapped(job, frozen)
    start_rollback(job)
    batches = job.batches(state.step, plan.steps)
    last = time.perf_counter()
    for step in range(state.step, plan.steps):
        # Schedule: learning rate and what may learn.
        set_lr(job.optimizer, lr := plan.rate(state))
        if plan.frozen(step) is not frozen:
            frozen = plan.frozen(step)
            model = wrapped(job, frozen)
        if not job.built.module.training:  # after an evaluation
            training_mode(job.built, frozen)
        begin_look(job)

        # Micro-batches: forward under autocast, scaled backward; at noisy weights or uphill where that is wanted.
        with noisy_weights(job, step):
            sums = (add_uphill_gradients if plan.sam.rho else add_gradients)(job, model, batches, step)
        totals = distributed.summed(sums.totals)
        watch.see(totals)
        look_at_gradients(job)

        # Unscale, penalize, clip, disturb, step, average.
        norm = None
        if plan.reads_gradients:
            job.scaler.unscale_(job.optimizer)
        add_penalties(job)
        if plan.clip is not None:
            norm = whole(nn.utils.clip_grad_norm_(job.built.module.parameters(), plan.clip))
        add_gradient_noise(job, step)
        job.scaler.step(job.optimizer)
        job.scaler.update()
        job.optimizer.zero_grad(set_to_none=True)
        look = looked(job)
        for average in job.averages:
            average.update(job.built.module, step)

        # Tell. The numbers stay on the device until somebody reads them.
        state.step = step + 1
        values = {"loss": totals[0] / sums.count, job.task.figure: totals[1] / sums.count, "lr": lr} | {
            "images": sums.count, "seconds": round(time.perf_counter() - last, 6), "wait": round(sums.waited, 6)
        }  # fmt: skip
        yield _record(job, "step", values | ({} if norm is None else {"grad_norm": norm}) | _digests(job))
        yield from look
        yield from (_record(job, "note", {"text": text}) for text in sums.notes)

        # Evaluate when due; save when due, and after the best evaluation so far. A stop never adds an evaluation: a run
        # that was interrupted and resumed must not differ from one that was not.
        final, best = state.step == plan.steps, False
        if final:
            settle(job)
        if job.evaluate is not None and (final or state.step % plan.evaluate == 0):
            record, best = _evaluated(job, job.evaluate)
            yield record
        ending = final or distributed.any_rank(stop())
        if ending or best or state.step % plan.save == 0:
            watch.look()
            yield _record(job, "save", {"best": best or job.evaluate is None})
            save(job, best or job.evaluate is None)
        if ending:
            return
        last = time.perf_counter()


def _record(job: Job, kind: Any, values: dict[str, Any]) -> Record:
    return Record(kind=kind, step=job.state.step, epoch=job.state.step / job.plan.per_epoch, values=values)


def _digests(job: Job) -> dict[str, str]:
    return {} if job.digests is None else job.digests.told(job.built.module)


def _evaluated(job: Job, evaluate: Callable[[nn.Module], Judged]) -> tuple[Record, bool]:
    """Evaluate, and say whether this is the best so far: a better figure, or an equal one and a lower loss."""
    state, found = job.state, evaluate(job.judged)
    figures, seen = found.figures, {} if job.seen is None else job.seen(job.judged).figures
    score, loss = figures[f"val_{job.task.figure}"] * (1 if job.task.higher else -1), figures["val_loss"]
    best = (score, -loss) > (state.best_score, -state.best_loss)
    if best:
        state.best_step, state.best_score, state.best_loss = state.step, score, loss
    lowering = job.plan.lowering
    if lowering is not None and state.step - max(state.best_step or 0, state.lowered_at) >= lowering.wait:
        state.lowered, state.lowered_at = state.lowered + 1, state.step
    record = _record(job, "eval", {**figures, **seen, "best": best})
    return dataclasses.replace(record, arrays=found.arrays), best
