"""How steps are computed, where it is ``auto``: by measuring this network on this machine."""

from collections.abc import Callable

import torch

from sightline import distributed
from sightline.config import RunConfig
from sightline.data.contract import Contract
from sightline.data.loader import Batch, Piece, Pieces, load
from sightline.data.samples import Samples
from sightline.data.transforms import Evaluation
from sightline.errors import ModelError
from sightline.machine import cores
from sightline.model.build import Built
from sightline.task.task import Task
from sightline.training.arithmetic import compute_with
from sightline.training.budget import Demand, fit
from sightline.training.forms import Form, Wanted, refuse_precision
from sightline.training.forwards import widen
from sightline.training.losses import of_batch
from sightline.training.precision import choose, seconds_of_step
from sightline.workflow.auto import Settling
from sightline.workflow.balance import training_part


def settle_form(settling: Settling, samples: Samples, contract: Contract, built: Built, task: Task) -> Batch:
    """Threads, precision, layout and micro-batches where they are ``auto``; gives the batch they were measured on."""
    if of_batch(task.loss) and settling.config.train.accumulate == "auto":
        settling.chose("train.accumulate", 1, "the loss compares the samples of a whole batch")
    train, parts = settling.config.train, settling.config.train.accumulate
    count = -(-int(train.batch_size) // distributed.world())
    indices = training_part(samples, settling.config)[: max(1, count // (1 if parts == "auto" else parts))]
    pieces = Pieces(samples, Evaluation(contract), settling.config.seed)
    batch = next(load(pieces, [Piece(0, indices)], workers=0))
    if train.distributed.kind != "ddp":
        refuse_precision(torch.device(train.device), train.precision)
        _go_through(built, task, batch)
        return _unmeasured(settling, batch)
    most = max(1, cores() // distributed.local_world())
    special = (*(() if train.fp32 == "auto" else train.fp32), "", *train.recompute)
    wanted = Wanted(train.threads, train.precision, train.layout, most, special, islands=train.fp32 == "auto")
    device = torch.device(train.device)
    choice = choose(built, task, batch, device, wanted)
    reason = choice.reason
    widen(built.module, choice.form.fp32)
    for name in ("threads", "precision", "layout", "fp32"):
        if getattr(train, name) == "auto":
            settling.chose(f"train.{name}", getattr(choice.form, name), reason)
            reason = "measured together"
    if parts == "auto" or train.memory != "auto":
        gib = None if train.memory == "auto" else train.memory
        demand = Demand(count, gib, None if parts == "auto" else parts)
        fitting = fit(built, task, batch, device, choice.form, demand)
        if parts == "auto":
            settling.chose("train.accumulate", fitting.accumulate, fitting.reason)
    return batch


def _unmeasured(settling: Settling, batch: Batch) -> Batch:
    """What is ``auto`` about a network that no single device may hold."""
    settling.choose_form_unmeasured(cores() // distributed.local_world())
    if settling.config.train.accumulate == "auto":
        settling.chose("train.accumulate", 1, "a divided network is not measured")
    compute_with(int(settling.config.train.threads), settling.config.train.precision)
    return batch


@torch.no_grad()
def _go_through(built: Built, task: Task, batch: Batch) -> None:
    """Two images through the whole network, on the CPU: it is known then that it takes them, and what it calls.

    Raises:
        ModelError: it does not take them.
    """
    device = torch.device("cpu")
    try:
        built.module.eval()(task.inputs(batch.pixels[:2], device, torch.contiguous_format))
    except (RuntimeError, ValueError, AssertionError, TypeError, IndexError, AttributeError) as error:
        _, height, width, channels = batch.pixels.shape
        raise ModelError(
            f"the model does not take images of {height} x {width} x {channels}",
            where="model.name, data.image_size", got=f"{type(error).__name__}: {error}".split("\n")[0],
            hint="try another data.image_size",
        ) from error  # fmt: skip


def step_timer(config: RunConfig, built: Built, task: Task, batch: Batch) -> Callable[[int], float] | None:
    """Seconds of a training step on so many images, in the form that was chosen; none where it cannot be measured."""
    train = config.train
    if train.distributed.kind != "ddp":
        return None
    form = Form(int(train.threads), train.precision, train.layout)
    return lambda count: seconds_of_step(built, task, batch, torch.device(train.device), form) * count
