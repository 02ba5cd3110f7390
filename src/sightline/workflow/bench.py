"""Where the time of a run's steps goes on this machine, and what would help most."""

import copy
import dataclasses
import itertools
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from sightline import distributed, plug
from sightline.config import RunConfig
from sightline.config_file import load_resolved
from sightline.data.loader import Batch
from sightline.errors import RunError
from sightline.machine import cores
from sightline.run import Run
from sightline.training.arithmetic import cast
from sightline.training.forms import Form
from sightline.training.forwards import grouped
from sightline.training.job import LAYOUTS, Job
from sightline.training.loop import train
from sightline.training.precision import seconds_of_step
from sightline.workflow.feed import Feed
from sightline.workflow.job import make_job
from sightline.workflow.prepare import Prepared, reopen
from sightline.workflow.say import Say
from sightline.workflow.source import is_kept
from sightline.workflow.train import meet
from sightline.workflow.watching import EVERY, watch

STEPS, WARM = 20, 3
"""Steps that are measured, and steps before them."""
_WORTH = 0.05
"""Share of a step from which on saving it is worth a line."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Advice:
    """Something that would make steps shorter."""

    setting: str
    """As for ``-s``; empty: there is no single one."""
    saves: float
    """Share of a step, about."""
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Times of a step in milliseconds."""

    steps: int
    """How many were measured."""
    images: int
    """Of a step."""
    step: float
    """From one step to the next in the training itself, the median."""
    parts: dict[str, float]
    """``data``: waiting for images; ``forward``, ``backward``, ``optimizer``: measured apart; ``watching``: looks at
    the layers, spread over all steps; ``rest``: what is left."""
    making: float
    """To make a batch when nothing else is computed."""
    advice: tuple[Advice, ...]
    """What would help, the most useful first."""


def bench_run(run: str | Path, *, steps: int = STEPS, say: Say | None = None) -> Bench:
    """Train some steps of a run from its beginning, in a folder that is removed, and measure them.

    The run stays as it is. Settings are those of the run; the machine is this one.

    Args:
        run: the run's folder.
        steps: how many steps to measure.
        say: where notes go.

    Raises:
        RunError: there is no run, it was never prepared, it is a soup of runs, or there are several ranks.
        ChangedDataError: images are no longer what they were.
    """
    say, here = say or Say(quiet=True), Run.open(run)
    here.require_training("to measure")
    if distributed.world() > 1:
        raise RunError("bench runs in one process", got=f"{distributed.world()} ranks", hint="start without torchrun")
    if not here.contract.exists():
        raise RunError(f"{here.folder} has not been prepared", hint=f"sightline resume {here.folder}")
    plug.search_in(*here.user_folders())
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        copy = Run(Path(folder))
        for path in (here.config, here.info_file, here.split, here.contract):
            shutil.copy(path, copy.folder / path.name)
        config = load_resolved(copy.config)
        meet(config)
        prepared = reopen(copy, config, say, begun=False)
        feed = Feed(prepared)
        job = make_job(prepared, copy, feed)
        feed.open(say)
        never = job.plan.steps + 1
        job.plan = dataclasses.replace(job.plan, evaluate=never, save=never)
        job.evaluate = job.seen = None
        steps = min(steps, max(1, job.plan.steps - WARM))
        say.note(f"measuring {steps} steps, in a folder that is removed")
        return _measured(job, prepared, steps, say)


def _measured(job: Job, prepared: Prepared, steps: int, say: Say) -> Bench:
    config, last = prepared.config, WARM + steps
    making = milliseconds_of_making(job, steps)
    records = [one for one in train(job, lambda: job.state.step >= last) if one.kind == "step"]
    records = records[min(WARM, len(records) - 1) :]  # of a run that is hardly longer, the last step
    whole = statistics.median(1000 * float(one.values["seconds"]) for one in records)
    waits = [1000 * float(one.values["wait"]) for one in records]
    batch, _ = next(iter(job.batches(0, 1)))
    parts = {"data": sum(waits) / max(1, len(waits)), **_apart(job, batch, steps)}
    parts["watching"] = _looking(job, config, batch, say)
    parts["rest"] = max(0.0, whole - sum(parts[name] for name in ("data", "forward", "backward", "optimizer")))
    return Bench(
        steps=len(records),
        images=int(records[-1].values["images"]),
        step=whole,
        parts=parts,
        making=making,
        advice=tuple(sorted(_advice(job, prepared, batch, whole, parts), key=lambda one: -one.saves)),
    )


def milliseconds_of_making(job: Job, steps: int) -> float:
    """Milliseconds for the images of a step, while nothing is computed."""
    count = min(steps, job.plan.steps)
    batches = job.batches(0, count)
    for _ in itertools.islice(batches, job.plan.accumulate):  # the workers start
        pass
    began = time.perf_counter()
    made = sum(1 for _ in batches)
    return 1000 * (time.perf_counter() - began) * job.plan.accumulate / max(1, made)


def _apart(job: Job, batch: Batch, steps: int) -> dict[str, float]:
    """Forward and backward pass and optimizer, each by itself: medians over some steps, for all micro-batches."""
    plan, module = job.plan, job.built.module
    module.train()
    times: dict[str, list[float]] = {"forward": [], "backward": [], "optimizer": []}
    targets = batch.targets.to(plan.device)
    for _ in range(WARM + steps):
        began = _now(plan.device)
        with cast(plan.precision, plan.device):
            inputs = job.task.inputs(batch.pixels, plan.device, LAYOUTS[plan.layout])
            loss = job.task.outcome(module, inputs, targets).loss / len(targets)
        through = _now(plan.device)
        job.scaler.scale(loss).backward()
        back = _now(plan.device)
        job.scaler.step(job.optimizer)
        job.scaler.update()
        job.optimizer.zero_grad(set_to_none=True)
        for average in job.averages:
            average.update(module, job.state.step)
        end = _now(plan.device)
        for name, seconds in zip(times, (through - began, back - through, end - back), strict=True):
            times[name].append(1000 * seconds)
    passes = plan.accumulate * (2 if plan.sam.rho else 1)
    medians = {name: statistics.median(values[WARM:]) for name, values in times.items()}
    return {name: value * (1 if name == "optimizer" else passes) for name, value in medians.items()}


def _looking(job: Job, config: RunConfig, batch: Batch, say: Say) -> float:
    """Milliseconds that looks at the layers take, spread over the steps between them."""
    watch(job, config, say)
    looks, plan = job.looks, job.plan
    if looks is None:
        return 0.0
    every = int(config.watch.every) if config.watch.every != "auto" else EVERY
    inputs = job.task.inputs(batch.pixels, plan.device, LAYOUTS[plan.layout])

    def passed() -> float:
        began = _now(plan.device)
        with cast(plan.precision, plan.device), torch.no_grad():
            job.built.module(inputs)
        return _now(plan.device) - began

    def looked() -> float:
        looks.begin(every)
        began = _now(plan.device)
        with looks.forward():
            passed()
        looks.backward(torch.ones((), device=plan.device))
        looks.told()
        return _now(plan.device) - began

    cost = min(looked() for _ in range(WARM)) - min(passed() for _ in range(WARM))
    return max(0.0, 1000 * cost / every)


def _advice(job: Job, prepared: Prepared, batch: Batch, whole: float, parts: dict[str, float]) -> list[Advice]:
    """What is worth changing, by what was measured."""
    config, found = prepared.config, list[Advice]()
    waited = parts["data"] / whole
    if waited > _WORTH:
        workers = int(config.data.workers)
        told = f"{100 * waited:.0f} % of a step is spent waiting for images"
        if not is_kept(config) and not config.data.stream:
            found.append(Advice(setting="data.cache=on", saves=waited, reason=f"{told}, which are decoded each time"))
        elif workers < cores():
            found.append(Advice(setting=f"data.workers={cores()}", saves=waited, reason=f"{told}; {workers} workers"))
        else:
            found.append(Advice(setting="", saves=waited, reason=f"{told}: smaller files, or a faster disk"))
    found += _faster_form(job, prepared, batch, whole, parts)
    share = parts["optimizer"] / whole
    if share > 0.2:
        size = 2 * int(config.train.batch_size)
        reason = f"the optimizer takes {100 * share:.0f} % of a step, whatever its number of images"
        found.append(Advice(setting=f"train.batch_size={size}", saves=share / 2, reason=reason))
    if config.train.recompute != "none":
        saves = parts["forward"] / whole
        found.append(Advice(setting="train.recompute=none", saves=saves, reason="activations are computed twice"))
    return [one for one in found if one.saves > _WORTH]


def _faster_form(job: Job, prepared: Prepared, batch: Batch, whole: float, parts: dict[str, float]) -> list[Advice]:
    """Another precision or layout, where it was measured to be faster."""
    train, device = prepared.config.train, job.plan.device
    if train.distributed.kind != "ddp":
        return []
    own = Form(int(train.threads), train.precision, train.layout)
    forms = _forms_to_try(own, prepared, job.task.inputs(batch.pixels[:2], device, LAYOUTS[own.layout]))
    kinds = dict.fromkeys([own, *forms])
    seconds = {form: seconds_of_step(prepared.built, job.task, batch, device, form) for form in kinds}
    best = min(seconds, key=lambda form: seconds[form])
    computed = (parts["forward"] + parts["backward"]) / whole
    saves = computed * (1 - seconds[best] / seconds[own])
    changed = [
        f"train.{key}={'auto' if key == 'fp32' else getattr(best, key)}"
        for key in ("precision", "layout", "fp32")
        if getattr(best, key) != getattr(own, key)
    ]
    if not changed:
        return []
    ratio = seconds[own] / seconds[best]
    return [Advice(setting=" -s ".join(changed), saves=saves, reason=f"a step is computed {ratio:.2f} times as fast")]


def _forms_to_try(own: Form, prepared: Prepared, inputs: torch.Tensor) -> list[Form]:
    """Those of the run's precision and of bf16; on a CPU also with grouped convolutions in float32."""
    gpu = inputs.device.type != "cpu"
    if gpu and not torch.cuda.is_bf16_supported(including_emulation=False):
        return [Form(own.threads, own.precision, layout) for layout in LAYOUTS]
    kinds: list[tuple[str, tuple[str, ...]]] = [(own.precision, ()), ("bf16", ())]
    if not gpu and not prepared.config.train.fp32:
        kinds.append(("bf16", grouped(copy.deepcopy(prepared.built.module), inputs)))
    return [Form(own.threads, precision, layout, parts) for precision, parts in kinds for layout in LAYOUTS]


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def as_dict(found: Bench) -> dict[str, Any]:
    """A JSON-ready dictionary."""
    return dataclasses.asdict(found)
