"""How many micro-batches a step is computed in, so that it fits into memory."""

import contextlib
import copy
import dataclasses
from collections.abc import Callable

import torch

from sightline.data.loader import Batch
from sightline.errors import ConfigError
from sightline.machine import free_memory
from sightline.model.build import Built
from sightline.task.task import Task
from sightline.training.arithmetic import cast
from sightline.training.forms import Form
from sightline.training.job import LAYOUTS
from sightline.training.shortage import is_out_of_memory, release
from sightline.training.usage import bytes_of, counting

_SHARE = 0.8  # of the free memory; the rest is for what cannot be foreseen
_SPARE = 1.25  # what a forward pass needs beside what it keeps, as a factor
_FEW = 4
_STATE = 3  # gradient and two numbers of the optimizer for each weight


@dataclasses.dataclass(frozen=True)
class Fit:
    """What fits, and what it was judged by."""

    accumulate: int
    """Micro-batches of a step."""
    reason: str


@dataclasses.dataclass(frozen=True)
class Demand:
    """What is to fit."""

    count: int
    """Images of a step on this rank."""
    gib: float | None
    """GiB that weights, gradients, optimizer and a step may take together; ``None``: of the free memory 80 %."""
    accumulate: int | None = None
    """Micro-batches, where they are set; ``None``: as few as possible."""


def fit(built: Built, task: Task, batch: Batch, device: torch.device, form: Form, demand: Demand) -> Fit:
    """The fewest micro-batches that a step can be computed in.

    On a CPU the need is worked out from what a forward pass over a few images keeps; on a GPU steps are tried.

    Args:
        built: the network; a copy is tried, nothing in it changes.
        task: computes the loss.
        batch: some training images.
        device: where training runs.
        form: how steps are computed.
        demand: what is to fit into how much.

    Raises:
        ConfigError: not even one image at a time fits, or not what was set.
    """
    release(device)  # what was measured before still lies in the allocator
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    limit = int(_SHARE * free) if demand.gib is None else int(demand.gib * 2**30)
    of = f"of {free / 2**30:.1f} GiB that are free" if demand.gib is None else f"of train.memory={demand.gib:g}"
    # The gradient is a part of a step that was tried, and not of one that was worked out.
    fixed = (_STATE if device.type == "cuda" else 1 + _STATE) * bytes_of(built.module.parameters())
    need = (_tried if device.type == "cuda" else _foreseen)(built, task, batch, device, form)
    images, size = 0, 0.0
    for pieces in range(1, demand.count + 1) if demand.accumulate is None else [demand.accumulate]:
        if -(-demand.count // pieces) == images:
            continue
        images = -(-demand.count // pieces)
        size = fixed + need(images)
        if size <= limit:
            return Fit(pieces, f"{images} images at a time take {size / 2**30:.2g} GiB {of}")
    what = "not even one image at a time fits" if images == 1 else f"{images} images at a time do not fit"
    raise ConfigError(
        f"{what} into memory",
        where="train.memory", got=f"{size / 2**30:.2g} GiB {of}",
        hint="give more with -s train.memory=…, divide the batch with a larger train.accumulate or auto, take smaller "
        "images or a smaller network, or -s train.recompute=all",
    )  # fmt: skip


def _foreseen(built: Built, task: Task, batch: Batch, device: torch.device, form: Form) -> Callable[[int], float]:
    """From a number of images to the bytes of a step, which grow with it."""
    few = min(_FEW, len(batch.targets))
    module = copy.deepcopy(built.module).to(memory_format=LAYOUTS[form.layout]).train()
    inputs = task.inputs(batch.pixels[:few], device, LAYOUTS[form.layout])
    with counting(module) as kept, cast(form.precision, device):
        module(inputs)
    each = _SPARE * (kept.bytes + bytes_of([inputs])) / few
    return lambda images: images * each


def _tried(built: Built, task: Task, batch: Batch, device: torch.device, form: Form) -> Callable[[int], float]:
    """From a number of images to the bytes of a step on a GPU: infinite where it cannot be computed."""
    module = copy.deepcopy(built.module).to(device).to(memory_format=LAYOUTS[form.layout]).train()

    def need(images: int) -> float:
        places = torch.arange(images) % len(batch.targets)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        with contextlib.ExitStack() as stack:
            stack.callback(module.zero_grad, set_to_none=True)
            try:
                inputs = task.inputs(batch.pixels[places], device, LAYOUTS[form.layout])
                with cast(form.precision, device):
                    loss = task.outcome(module, inputs, batch.targets[places].to(device)).loss
                loss.backward()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                return float("inf")
        return torch.cuda.max_memory_allocated(device) - before

    return need
