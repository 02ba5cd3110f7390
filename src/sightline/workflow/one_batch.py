"""A handful of images learnt by heart by a copy of the network, and what its gradients and outputs are like."""

import copy
import dataclasses
import math
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sightline.config import RunConfig
from sightline.data.loader import Batch
from sightline.diagnosis.sanity import NEAR, Attempt, Learning
from sightline.diagnosis.sanity_network import Answers, Gradients
from sightline.model.build import Built
from sightline.model.freeze import set_frozen, training_mode
from sightline.task.task import Task
from sightline.training.arithmetic import cast
from sightline.training.job import Job
from sightline.training.optimizers import make_optimizer, set_lr
from sightline.workflow.balance import training_part
from sightline.workflow.prepare import Prepared
from sightline.workflow.sanity_answers import answered
from sightline.workflow.sanity_start import decoded, inputs_of

IMAGES, CANDIDATES = 8, 32
"""Images that are learnt, and those among which they are looked for."""
STEPS, SECONDS = 150, 12.0
"""Steps and seconds of an attempt, at most."""
LEAST_STEPS = 3
"""Steps that are made however long they take."""
LOOKED = 5
"""Steps whose gradients are looked at: where a layer starts at 0, those below it have none in the first."""
RISING = 5
"""Steps in which the rate rises to what it is held at."""
PLAIN_LR = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Learnt:
    """What came of it."""

    learning: Learning
    gradients: Gradients
    answers: Answers | None
    """``None``: the network gives something else than one tensor."""


def few_images(prepared: Prepared) -> Batch:
    """Some training images as evaluation shows them, no two equal, of as many classes as there are."""
    samples, indices = prepared.samples, training_part(prepared.samples, prepared.config)
    places = indices[prepared.balance.order(0)]
    _, first = np.unique(places, return_index=True)
    places = places[np.sort(first)]
    turns = _in_turns(samples.targets_of(places), prepared.contract.kind == "numbers")
    batch = decoded(prepared, places[turns][:CANDIDATES])
    flat = batch.pixels.flatten(1).numpy()
    _, kept = np.unique(flat, axis=0, return_index=True)
    chosen = torch.from_numpy(np.sort(kept)[:IMAGES])
    return Batch(batch.pixels[chosen], batch.targets[chosen], batch.indices[chosen])


def _in_turns(targets: NDArray[np.int64] | NDArray[np.float32], numbers: bool) -> NDArray[np.int64]:
    """An order in which every kind of target comes once, then every one a second time, and so on."""
    if numbers:
        return np.arange(len(targets))
    _, kinds = np.unique(targets, axis=0, return_inverse=True)
    kinds = kinds.reshape(-1)
    by_kind = np.argsort(kinds, kind="stable")
    starts = np.searchsorted(kinds[by_kind], kinds[by_kind])
    turn = np.empty(len(kinds), np.int64)
    turn[by_kind] = np.arange(len(kinds)) - starts
    return np.argsort(turn, kind="stable")


def learn(job: Job, prepared: Prepared, task: Task, batch: Batch, blind: float, least: float) -> Learnt:
    """Learn some images by the settings' own optimizer, and by a plain one where that did not do.

    Args:
        job: its network is copied and stays as it is.
        prepared: what it was made of.
        task: with the loss alone.
        batch: the images.
        blind: loss of outputs that are all 0; NaN: that of the network at its start is taken.
        least: least loss of right outputs; NaN: 0.
    """
    config, lr = prepared.config, float(prepared.config.train.lr)
    trial = _Trial(job, task, batch, config)
    begin = trial.loss_at_start() if math.isnan(blind) else blind
    bottom = least if least < begin else 0.0  # a loss that does not reward being right is told of by another check
    bound = bottom + NEAR * (begin - bottom)
    own = trial.attempt(bound, lr, plain=False)
    plain = None if own.learnt else trial.attempt(bound, PLAIN_LR, plain=True)
    learning = Learning(images=len(batch.targets), bound=bound, own=own, plain=plain)
    return Learnt(learning, trial.gradients(), answered(trial.best, inputs_of(job, batch)))


class _Trial:
    """Attempts at learning a batch, each from the network as it is at the start of the training."""

    def __init__(self, job: Job, task: Task, batch: Batch, config: RunConfig):
        self.job, self.task, self.config = job, task, config
        self.frozen = job.plan.frozen(job.plan.steps - 1)
        self.inputs, self.targets = inputs_of(job, batch), batch.targets.to(job.plan.device)
        self.seen: dict[str, list[bool]] = {}
        self.looked = 0
        self.best = job.built.module

    def copied(self) -> Built:
        """The network in training mode, with what learns in the end, and nothing dropped out."""
        built = dataclasses.replace(self.job.built, module=copy.deepcopy(self.job.built.module))
        set_frozen(built, self.frozen)
        training_mode(built, self.frozen)
        for layer in built.module.modules():
            if "Drop" in type(layer).__name__:
                layer.eval()
        return built

    @torch.no_grad()
    def loss_at_start(self) -> float:
        """Mean loss before anything is learnt."""
        return float(self.forward(self.copied().module)) / len(self.targets)

    def forward(self, module: nn.Module) -> torch.Tensor:
        """Sum of the losses."""
        with cast(self.job.plan.precision, self.job.plan.device):
            return self.task.outcome(module, self.inputs, self.targets).loss

    def attempt(self, bound: float, lr: float, plain: bool) -> Attempt:
        """Learn until the loss is below a bound, steps or time are up, or it is no number."""
        built, plan, begun = self.copied(), self.job.plan, time.perf_counter()
        learns = [one for one in built.module.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(learns, lr=lr, weight_decay=0.0) if plain else self._own(built, lr)
        scaler = torch.amp.GradScaler(plan.device.type, enabled=plan.precision == "fp16")
        losses: list[float] = []
        learnt = short = False
        while True:
            torch.manual_seed(plan.seed + len(losses))
            loss = self.forward(built.module) / len(self.targets)
            losses.append(loss.item())
            learnt = learnt or losses[-1] <= bound
            short = time.perf_counter() - begun > SECONDS and len(losses) > LEAST_STEPS and not learnt
            enough = (learnt and len(losses) > LOOKED) or len(losses) > STEPS
            if enough or short or not math.isfinite(losses[-1]):
                break
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            self._look(built, plain, len(losses))
            if plan.clip is not None:
                nn.utils.clip_grad_norm_(learns, plan.clip)
            share = min(1.0, len(losses) / RISING)
            if plain:
                optimizer.param_groups[0]["lr"] = lr * share
            else:
                set_lr(optimizer, lr * share)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
        if learnt or not plain:
            self.best = built.module
        if learnt:  # the steps after that were made for their gradients
            losses = losses[: next(place for place, loss in enumerate(losses) if loss <= bound) + 1]
        return Attempt(steps=len(losses) - 1, lr=lr, first=losses[0], last=losses[-1], learnt=learnt, short=short)

    def _own(self, built: Built, lr: float) -> torch.optim.Optimizer:
        return make_optimizer(built, dataclasses.replace(self.config.train, groups=[]), lr, 0.0)

    def _look(self, built: Built, plain: bool, step: int) -> None:
        """Remember of each parameter whether a gradient came, was not 0, and was a number."""
        if plain or step > LOOKED:
            return
        self.looked = step
        for name, one in built.module.named_parameters():
            if not one.requires_grad:
                continue
            own = self.seen.setdefault(name, [False, False, True])
            if one.grad is not None:
                own[0] = True
                own[1] = own[1] or bool(one.grad.count_nonzero())
                own[2] = own[2] and bool(torch.isfinite(one.grad).all())

    def gradients(self) -> Gradients:
        """What each parameter was given in the first steps of the settings' own optimizer."""
        sizes = {name: one.numel() for name, one in self.job.built.module.named_parameters()}
        none = tuple(name for name, (came, _, _) in self.seen.items() if not came)
        zero = tuple(name for name, (came, some, _) in self.seen.items() if came and not some)
        return Gradients(
            steps=self.looked, parameters=len(self.seen), weights=sum(sizes[name] for name in self.seen),
            none=none, zero=zero, broken=tuple(name for name, (_, _, sound) in self.seen.items() if not sound),
            idle=sum(sizes[name] for name in (*none, *zero)),
        )  # fmt: skip
