"""The contestants of ``train_step.py`` and ``epoch.py``: training loops of timm's functions, and ours."""

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

CLASSES, RATE, MOMENTUM, DECAY, SMOOTHING = 100, 0.05, 0.9, 2e-5, 0.1
"""What timm's train.py takes by default, but for the number of classes."""

Batches = Callable[[], Iterator[tuple[torch.Tensor, torch.Tensor]]]


def timm_model(name: str, classes: int) -> tuple[Any, Any, Any]:
    """Network, loss and optimizer as timm's train.py makes them by default: contiguous, float32, SGD with Nesterov."""
    import timm
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2

    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=classes).train()
    optimizer = create_optimizer_v2(model, opt="sgd", lr=RATE, weight_decay=DECAY, momentum=MOMENTUM)
    return model, LabelSmoothingCrossEntropy(SMOOTHING), optimizer


def timm_steps(name: str, batches: Batches, classes: int, steps: int) -> Iterator[int]:
    """Steps as timm's train.py makes them, which is a script and not in the wheel: written from its functions.

    Yields:
        How many images a step had, after each.
    """
    from timm.scheduler import CosineLRScheduler
    from timm.utils import AverageMeter

    model, loss_of, optimizer = timm_model(name, classes)
    schedule = CosineLRScheduler(optimizer, t_initial=steps, t_in_epochs=False)
    losses = AverageMeter()
    for step, (inputs, targets) in enumerate(itertools.islice(batches(), steps)):
        with contextlib.nullcontext():
            loss = loss_of(model(inputs), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.update(loss.item(), len(inputs))
        schedule.step_update(num_updates=step + 1, metric=losses.avg)
        yield len(inputs)


def our_steps(name: str, side: int, count: int, steps: int, form: dict[str, Any], looks: int = 0) -> Iterator[int]:
    """Our loop over uint8 images that are there already: scaling them is part of a step.

    Args:
        name: of the network.
        side: of the images, in pixels.
        count: images of a step.
        steps: how many.
        form: ``precision``, ``layout`` and ``threads``; ``auto`` is measured first.
        looks: at the layers at each so manieth step; 0: none.
    """
    from sightline.data.loader import Batch
    from sightline.diagnosis.probes import Probes
    from sightline.diagnosis.watcher import Watcher
    from sightline.model.build import build
    from sightline.training.arithmetic import compute_with
    from sightline.training.forms import Wanted
    from sightline.training.forwards import widen
    from sightline.training.job import LAYOUTS
    from sightline.training.loop import train
    from sightline.training.precision import choose

    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8)
    batch = Batch(pixels, torch.randint(0, CLASSES, (count,)), torch.arange(count))
    built, task = build(name, CLASSES, 3, {}), task_of(side)
    islands = form["precision"] == "auto"
    wanted = Wanted(form["threads"], form["precision"], form["layout"], form["cores"], islands=islands)
    chosen = choose(built, task, batch, torch.device("cpu"), wanted).form
    print(f"{name}: {chosen}", flush=True)
    widen(built.module, chosen.fp32)
    compute_with(chosen.threads, chosen.precision)
    built.module.to(memory_format=LAYOUTS[chosen.layout])
    with tempfile.TemporaryDirectory() as folder:
        job = job_of(built, task, chosen, steps, Path(folder))
        job.looks = Watcher([Probes(built.module, torch.device("cpu"))], looks) if looks else None
        job.batches = lambda first, last: itertools.repeat((batch, count), last - first)
        for record in train(job):
            if record.kind == "step":
                float(record.values["loss"])  # theirs reads it too
                yield count


def uint8_batches(count: int, side: int, steps: int) -> Batches:
    """The same uint8 images over and over, scaled by timm's PrefetchLoader as its loader's batches are."""
    from timm.data.loader import PrefetchLoader

    pixels = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    batch = (pixels, torch.randint(0, CLASSES, (count,)))
    loader: Any = [batch] * steps
    return lambda: iter(PrefetchLoader(loader, device=torch.device("cpu")))


def task_of(side: int) -> Any:
    """Classification with the same smoothing."""
    from sightline.data.contract import Contract
    from sightline.task.classification import Classification
    from sightline.training.config import LossConfig
    from sightline.training.losses import make_loss

    contract = Contract(
        classes=tuple(map(str, range(CLASSES))), color="rgb", height=side, width=side, resize="crop", shorter=side,
        interpolation="bilinear", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    )  # fmt: skip
    return Classification(contract, make_loss(LossConfig(label_smoothing=SMOOTHING)))


def job_of(built: Any, task: Any, form: Any, steps: int, folder: Path) -> Any:
    """What our loop works on, without evaluations and with one checkpoint after the last step."""
    from sightline.training.checkpoint import Checkpoints
    from sightline.training.config import OptimizerConfig, TrainConfig
    from sightline.training.job import Job, Plan
    from sightline.training.optimizers import make_optimizer
    from sightline.training.schedules import Clock, make_schedule

    config = TrainConfig(optimizer=OptimizerConfig(name="sgd", momentum=MOMENTUM))
    nothing = frozenset[str]()
    rate = make_schedule(config.schedule, RATE, Clock(steps, 0, steps))
    plan = Plan(
        seed=0, steps=steps, per_epoch=steps, accumulate=1, lr=rate,
        clip=None, frozen=lambda _: nothing, evaluate=steps + 1, save=steps + 1, patience=None,
        precision=form.precision, layout=form.layout, device=torch.device("cpu"),
    )  # fmt: skip
    return Job(
        plan=plan, built=built, task=task, optimizer=make_optimizer(built, config, RATE, DECAY),
        scaler=torch.amp.GradScaler("cpu", enabled=False), ema=None, checkpoints=Checkpoints(folder / "checkpoints"),
        batches=lambda *_: iter(()), evaluate=None, position=lambda: 0,
    )  # fmt: skip


def watched_steps(steps: int, folder: Path | None) -> Iterator[None]:
    """Steps of a network that does next to nothing, with every consumer of records, or with none.

    Args:
        steps: how many.
        folder: where records and TensorBoard files go; ``None``: nobody watches.
    """
    from torch import nn

    from sightline.data.loader import Batch
    from sightline.model.build import Built
    from sightline.sinks.console import ConsoleSink
    from sightline.sinks.jsonl import JsonlSink
    from sightline.sinks.tensorboard import TensorboardSink
    from sightline.training.forms import Form
    from sightline.training.loop import train
    from sightline.workflow.say import Say

    batch = Batch(torch.zeros(2, 8, 8, 3, dtype=torch.uint8), torch.tensor([0, 1]), torch.arange(2))
    built = Built(nn.Sequential(nn.Flatten(), nn.Linear(192, CLASSES)), frozenset(), {})
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        job = job_of(built, task_of(8), Form(1, "fp32", "contiguous"), steps, Path(place))
        job.batches = lambda first, last: itertools.repeat((batch, 2), last - first)
        sinks: list[Any] = []
        if folder is not None:
            console = ConsoleSink(Say().console, steps)
            sinks = [JsonlSink(folder / "records.jsonl"), console, TensorboardSink(folder / "board")]
            for sink in sinks:
                stack.callback(sink.close)
        for record in train(job):
            for sink in sinks:
                sink.write(record)
            if record.kind == "step":
                yield
