"""Threads, precision and memory layout by measuring a few steps of this model on this machine.

Guessing from hardware flags is wrong in both directions: on one CPU bf16 doubles a ResNet's speed and halves that of
a depthwise network, and a second thread slows tiny images down. The winner is remembered by machine and model, so that
the same command gives the same weights again.
"""

import contextlib
import copy
import dataclasses
import hashlib
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from sightline.data.loader import Batch
from sightline.errors import ModelError, RunError
from sightline.files import cache_folder, write_json
from sightline.machine import processor
from sightline.model.build import Built
from sightline.task.task import Task
from sightline.training.arithmetic import cast, compute_with
from sightline.training.forms import Form, Wanted, after, rounds_of
from sightline.training.forwards import grouped, widen
from sightline.training.job import LAYOUTS
from sightline.training.shortage import is_out_of_memory, release

_REPEATS = 3
_HOPELESS = 3.0
_MOST_PIXELS = 16 * 224 * 224
_FEW = 4  # images on which a form shows whether it is worth measuring
_SECONDS = 20.0
_WORTH = 1.05


@dataclasses.dataclass(frozen=True)
class Choice:
    """What won, and why."""

    form: Form
    reason: str


def choose(built: Built, task: Task, batch: Batch, device: torch.device, wanted: Wanted) -> Choice:
    """Settle what is ``auto``; the process then computes with the threads that were chosen.

    Args:
        built: the network; a copy is measured, nothing in it changes.
        task: computes the loss.
        batch: real training images; of a large batch the first ones are used.
        device: where training runs.
        wanted: what is fixed and what is not.
    """
    islands = _grouped(built, task, batch) if wanted.islands and device.type == "cpu" else ()
    rounds = rounds_of(device, wanted, islands)
    plain = rounds[0][0]
    _try(built, task, _first(batch, _measured_images(batch)), device, plain)
    store = _store(built, batch, device, wanted)
    alone = len({form for forms in rounds for form in forms}) == 1
    choice = Choice(plain, "as set") if alone else _remembered(store, rounds)
    if choice is None:
        times: dict[Form, float] = {}
        tried: list[Form] = []
        for forms in rounds:
            best = _best(times, plain)
            untried = [form for form in (after(best, forms) if times else forms) if form not in tried]
            times |= _measured(built, task, batch, device, untried, best)
            tried += untried
        told = ", ".join(f"{form} {_told(seconds)}" for form, seconds in times.items())
        out = ", ".join(str(form) for form in tried if form not in times)
        much = f"; much slower or not possible: {out}" if out else ""
        choice = Choice(_best(times, plain), f"measured a step: {told}{much}")
        with contextlib.suppress(RunError):  # a cache that cannot be written costs a measurement next time
            write_json(store, dataclasses.asdict(choice))
    compute_with(choice.form.threads, choice.form.precision)
    return choice


def seconds_of_step(built: Built, task: Task, batch: Batch, device: torch.device, form: Form) -> float:
    """Seconds that a training step in this form takes for each image; nothing in the network changes.

    Infinite where so many images at a time cannot be computed.
    """
    return _measured(built, task, batch, device, [form], form).get(form, math.inf) / _measured_images(batch)


def _told(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def _remembered(store: Path, rounds: list[list[Form]]) -> Choice | None:
    """The choice that is kept, if it is one that could win here."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(store.read_text(encoding="utf-8"))
        form, reason = Form(**kept["form"]), kept["reason"] + "; measured earlier on this machine"
        form = dataclasses.replace(form, fp32=tuple(form.fp32))
        layouts = {second.layout for second in rounds[1]}
        known = any(form.threads == first.threads for first in rounds[0]) and form.layout in layouts
        if known and any(form in after(form, forms) for forms in rounds[1:]):
            return Choice(form, reason)
    return None


def _grouped(built: Built, task: Task, batch: Batch) -> tuple[str, ...]:
    """Names of the depthwise and other grouped convolutions."""
    model = copy.deepcopy(built.module)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    try:
        return grouped(model, task.inputs(_first(batch, 2).pixels, device, torch.contiguous_format))
    except (RuntimeError, ValueError, AssertionError, TypeError, IndexError, AttributeError, MemoryError):
        return ()  # told of as soon as the plain form is tried


def _best(times: dict[Form, float], plain: Form) -> Form:
    """The fastest, unless its gain over a plainer form is within the noise."""
    winner = plain if plain in times else min(times, key=times.__getitem__, default=plain)
    for form, seconds in times.items():
        if seconds * _WORTH < times[winner]:
            winner = form
    return winner


def _measured(
    built: Built, task: Task, batch: Batch, device: torch.device, forms: list[Form], rival: Form
) -> dict[Form, float]:
    """Median seconds of a training step for each form, interleaved so that a slow moment hits all of them.

    Forms that are out of the race against each other and the ``rival``, the best so far, are left out.
    """
    few, many = (_first(batch, count) for count in (_FEW, _measured_images(batch)))
    trials = {form: _step_of(built, task, few, device, form) for form in dict.fromkeys([*forms, rival])}
    race = _in_the_race({form: min(_seconds(form, step), _seconds(form, step)) for form, step in trials.items()})
    forms = [form for form in forms if form in race]
    steps = {form: _step_of(built, task, many, device, form) for form in forms}
    times: dict[Form, list[float]] = {form: [] for form in forms}
    began = time.perf_counter()
    for turn in range(1 + _REPEATS):
        for form, step in steps.items():
            times[form].append(_seconds(form, step))
        if not turn:  # the first turn warms up
            steps = {form: steps[form] for form in _in_the_race({form: times[form][0] for form in steps})}
        elif time.perf_counter() - began > _SECONDS:
            break
    medians = {form: statistics.median(seconds[1:] or seconds) for form, seconds in times.items()}
    return {form: seconds for form, seconds in medians.items() if math.isfinite(seconds)}


def _seconds(form: Form, step: Callable[[], None]) -> float:
    """Time of a step; infinite where the model cannot compute in this form."""
    compute_with(form.threads, form.precision)
    start = time.perf_counter()
    try:
        step()
    except (RuntimeError, MemoryError):  # a view of a channels_last tensor, an operation without bf16, no memory
        return math.inf
    return time.perf_counter() - start


def _in_the_race(seconds: dict[Form, float]) -> list[Form]:
    """The forms that are not several times slower than the fastest."""
    limit = _HOPELESS * min(seconds.values(), default=0)
    return [form for form, own in seconds.items() if own <= limit and math.isfinite(own)]


def _first(batch: Batch, count: int) -> Batch:
    return Batch(batch.pixels[:count], batch.targets[:count], batch.indices[:count])


def _try(built: Built, task: Task, batch: Batch, device: torch.device, form: Form) -> None:
    """Go through the model and back in the plainest form: one that cannot is told of before the training begins."""
    compute_with(form.threads, form.precision)
    error = _fault(built, task, batch, device, form)
    while error is not None and is_out_of_memory(error) and len(batch.targets) > 1:
        release(device)
        batch = _first(batch, len(batch.targets) // 2)
        error = _fault(built, task, batch, device, form)
    if error is not None:
        _, height, width, channels = batch.pixels.shape
        raise ModelError(
            f"the model cannot be trained on batches of {len(batch.targets)} images of {height} x {width} x {channels}",
            where="model.name, data.image_size, train.batch_size",
            got=f"{type(error).__name__}: {error}".split("\n")[0],
            hint="try another data.image_size or train.batch_size; a module of your own must take "
            "[n, channels, height, width] and give [n, classes]",
        ) from error


def _fault(built: Built, task: Task, batch: Batch, device: torch.device, form: Form) -> Exception | None:
    """What keeps a step from being computed. The error holds nothing of the attempt: no memory stays taken by it."""
    layout = LAYOUTS[form.layout]
    try:
        model = copy.deepcopy(built.module).to(device).to(memory_format=layout).train()
        with cast(form.precision, device):
            outputs = model(task.inputs(batch.pixels, device, layout))
        outputs.float().sum().backward()
    except (RuntimeError, ValueError, AssertionError, TypeError, IndexError, AttributeError, MemoryError) as error:
        return error.with_traceback(None)
    return None


def _measured_images(batch: Batch) -> int:
    """Enough images to keep every thread busy, few enough that a slow form does not hold up the start."""
    _, height, width, _ = batch.pixels.shape
    return min(len(batch.targets), max(1, _MOST_PIXELS // (height * width)))


def _step_of(built: Built, task: Task, batch: Batch, device: torch.device, form: Form) -> Callable[[], None]:
    layout = LAYOUTS[form.layout]
    model = copy.deepcopy(built.module).to(device).to(memory_format=layout).train()
    widen(model, form.fp32)
    targets = batch.targets.to(device)

    def step() -> None:
        inputs = task.inputs(batch.pixels, device, layout)
        with cast(form.precision, device):
            loss = task.outcome(model, inputs, targets).loss
        loss.backward()
        model.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step


def _store(built: Built, batch: Batch, device: torch.device, wanted: Wanted) -> Path:
    """Where the choice for this machine, model, input and wishes is remembered."""
    shapes = {name: list(parameter.shape) for name, parameter in built.module.named_parameters()}
    machine = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{processor()} {torch.backends.cpu.get_cpu_capability()}"
    )
    key = [
        shapes, repr(built.module), list(batch.pixels.shape[1:]), _measured_images(batch),
        machine, torch.__version__, dataclasses.asdict(wanted),
    ]  # fmt: skip
    name = hashlib.sha256(json.dumps(key, default=str).encode()).hexdigest()[:32]
    return cache_folder() / "precision" / f"{name}.json"
