"""What a training sees before its first step: a batch, its images in evaluation, its loss, a loss of one's own."""

import copy
import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sightline import plug
from sightline.data.contract import Contract
from sightline.data.loader import Batch, Piece, Pieces, load
from sightline.data.transforms import Evaluation, make_transform
from sightline.diagnosis.case import Case, Facts
from sightline.diagnosis.gather import Gathering
from sightline.diagnosis.sanity import OwnLoss, Start
from sightline.diagnosis.sanity_view import Preprocessing, View
from sightline.errors import PlugError
from sightline.task.task import Task
from sightline.testing import check_loss
from sightline.training.arithmetic import cast
from sightline.training.job import LAYOUTS, Job
from sightline.workflow.feed import Feed
from sightline.workflow.prepare import Prepared
from sightline.workflow.tasks import judging_task
from sightline.workflow.watching import seen_part

COMPARED = 64
"""Images that are prepared twice, at most."""
KEPT = 8
"""Images of the kept pixels that are decoded once more."""
MOST_CLASSES = 1000
"""Outputs that a loss is tried with, at most: its gradient is checked number by number."""
SIZES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Right outputs that are tried, for the least loss that there is."""


class Given(nn.Module):
    """A network that gives what it was made with.

    Args:
        outputs: ``[n, …]``.
    """

    def __init__(self, outputs: torch.Tensor):
        super().__init__()
        self.outputs = outputs

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        """The outputs."""
        return self.outputs


class _Blind(nn.Module):
    """A network that gives 0 in the place of what it computes. What hooks its parts still finds them."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Zeros."""
        return torch.zeros_like(self.module(inputs))


def plain_task(prepared: Prepared) -> Task:
    """The task with its loss alone: no weights, no smoothing, no teacher, each image by itself."""
    config = prepared.config
    loss = dataclasses.replace(config.train.loss, label_smoothing=0.0)
    train = dataclasses.replace(config.train, loss=loss)
    return judging_task(dataclasses.replace(config, train=train), prepared.contract)


@torch.no_grad()
def viewed(job: Job, prepared: Prepared, batch: Batch) -> View:
    """Sizes and values of a micro-batch, and the shape of what the network makes of it in training."""
    contract = prepared.contract
    images = inputs_of(job, batch)
    outputs = copy.deepcopy(job.built.module).train()(images)
    shaped = outputs if isinstance(outputs, torch.Tensor) else None
    targets = batch.targets.double()
    classes = len(contract.classes)
    bounds = {"class": (0, classes - 1), "labels": (0, 1), "numbers": (-math.inf, math.inf)}[contract.kind]
    wrong = ~torch.isfinite(targets) | (targets < bounds[0]) | (targets > bounds[1])
    return View(
        images=tuple(images.shape),
        mean=float(images.double().mean()),
        spread=float(images.double().std(correction=0)),
        kind=contract.kind,
        classes=classes,
        lowest=float(targets.min()),
        highest=float(targets.max()),
        wrong=int(wrong.sum()),
        outputs=() if shaped is None else tuple(shaped.shape),
        broken=0 if shaped is None else int((~torch.isfinite(shaped)).sum()),
        own=plug.is_plug(prepared.config.task.name),
    )


def inputs_of(job: Job, batch: Batch) -> torch.Tensor:
    """The network's input of a batch."""
    return job.task.inputs(batch.pixels, job.plan.device, LAYOUTS[job.plan.layout])


@torch.no_grad()
def started(job: Job, facts: Facts, batches: Sequence[Batch]) -> Start:
    """The loss of the first step before it is made, and that of outputs that are all 0, by the task itself."""
    module = copy.deepcopy(job.built.module).train()
    loss = blind = 0.0
    count = 0
    for batch in batches:
        inputs, targets = inputs_of(job, batch), batch.targets.to(job.plan.device)
        given = {"weights": batch.weights, "answers": batch.answers}
        own = {name: column.to(job.plan.device) for name, column in given.items() if column is not None}
        with cast(job.plan.precision, job.plan.device):
            loss += float(job.task.outcome(module, inputs, targets, **own).loss)
            one_tensor = isinstance(module(inputs[:2]), torch.Tensor)
            blind += float(job.task.outcome(_Blind(module), inputs, targets, **own).loss) if one_tensor else math.nan
        count += len(targets)
    chance = Case(history=Gathering().history(), facts=facts).chance_loss
    return Start(loss=loss / count, blind=blind / count, chance=chance, images=count)


def least_loss(task: Task, contract: Contract, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[float, float]:
    """Mean loss of outputs that are all 0, and the least one of right outputs of any size.

    Args:
        task: one of the built-in ones, whose outputs are known.
        contract: its classes, and mean and spread of its numbers.
        inputs: images, which are not looked at.
        targets: of these images.
    """
    if contract.outputs is not None and contract.kind == "numbers":
        middle, spread = (
            torch.tensor(one, device=targets.device) for one in (contract.outputs.mean, contract.outputs.std)
        )
        right = [(targets - middle) / spread]
    else:
        of_class = contract.kind == "class"
        wanted = nn.functional.one_hot(targets, len(contract.classes)) if of_class else targets
        right = [size * (2 * wanted.float() - 1) for size in SIZES]

    def mean_of(outputs: torch.Tensor) -> float:
        return float(task.outcome(Given(outputs), inputs, targets).loss) / len(targets)

    with torch.no_grad():
        return mean_of(torch.zeros_like(right[0])), min(map(mean_of, right))


def tried_loss(prepared: Prepared, blind: float, least: float) -> OwnLoss:
    """The user's loss held against its contract, by ``sightline.testing.check_loss``.

    Args:
        prepared: names the loss.
        blind: its value for outputs that are all 0, in this task.
        least: its least value for right outputs.
    """
    loss, broken = prepared.config.train.loss, ""
    data = prepared.config.data
    try:
        check_loss(
            plug.load(loss.name, "train.loss.name"), loss, min(MOST_CLASSES, len(prepared.contract.classes)),
            mixed=data.mixup > 0 or data.cutmix > 0, kind=prepared.judge.kind,
        )  # fmt: skip
    except PlugError as error:
        broken = f"{error.what} ({error.got})"
    except Exception as error:  # noqa: BLE001  a user's loss may fail in any way, such as on numbers in float64
        broken = f"{type(error).__name__}: {error}".split("\n")[0]
    return OwnLoss(name=loss.name, broken=broken, blind=blind, least=least)


def prepared_twice(prepared: Prepared, feed: Feed, batch: Batch) -> Preprocessing:
    """The same images by the ways of training and of evaluation.

    Without augmentation both must be equal in every pixel, kept pixels included; with it, over a batch, colors must
    stay about where they are.
    """
    config = prepared.config
    judged = np.union1d(prepared.samples.part("val"), seen_part(prepared.samples, config))
    places = (judged if len(judged) else batch.indices.cpu().numpy())[:KEPT]
    unchanged = dataclasses.replace(config.data, augment="none", flip="no")
    made = Pieces(prepared.samples, make_transform(unchanged, prepared.contract), config.seed)
    trained = next(load(made, [Piece(0, places)], workers=0)).pixels
    evaluated = next(load(feed.judging(torch.device("cpu")), [Piece(0, places)], workers=0)).pixels
    differing = int((trained != evaluated).flatten(1).any(dim=1).sum())
    own = batch.indices.cpu().numpy()[:COMPARED]
    plain = decoded(prepared, own).pixels
    return Preprocessing(images=len(places), differing=differing, shift=_shift(batch.pixels[: len(own)].cpu(), plain))


def decoded(prepared: Prepared, places: NDArray[np.int64]) -> Batch:
    """Images as evaluation shows them, decoded anew."""
    pieces = Pieces(prepared.samples, Evaluation(prepared.contract), prepared.config.seed)
    return next(load(pieces, [Piece(0, places)], workers=0))


def _shift(augmented: torch.Tensor, plain: torch.Tensor) -> float:
    """Largest difference of the means of a color ``[n, h, w, channels]``, in units of the spread over all of it."""
    one, other = augmented.double().flatten(0, 2), plain.double().flatten(0, 2)
    gap = (one.mean(dim=0) - other.mean(dim=0)).abs()
    return float((gap / other.std(dim=0, correction=0).clamp_min(1.0)).max())
