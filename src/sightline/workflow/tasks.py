"""The task of a run: what it wants of the data, what its outputs mean, and its two faces, learning and judging."""

import numpy as np
import torch
from numpy.typing import NDArray

from sightline import distributed
from sightline.config import RunConfig
from sightline.config_loss import loss_of
from sightline.data.balance import Balance
from sightline.data.contract import Contract
from sightline.data.outputs import Outputs
from sightline.data.samples import Samples
from sightline.data.wanted import Wanted
from sightline.errors import ConfigError, DataError, PlugError, did_you_mean, shortened
from sightline.task.fit import refuse_unfit
from sightline.task.names import kind_of, task_of
from sightline.task.task import Task
from sightline.training.losses import judging, make_loss, of_batch


def wanted_by(config: RunConfig) -> Wanted:
    """What the task wants of the data.

    Raises:
        PlugError: there is no such task.
    """
    return Wanted(kind_of(config.task.name), tuple(config.data.targets))


def outputs_of(config: RunConfig, samples: Samples, indices: NDArray[np.int64]) -> Outputs | None:
    """What the outputs of the model mean; ``None``: one class an image.

    Args:
        config: names threshold and units.
        samples: with their targets.
        indices: places of the training samples, which give mean and standard deviation of numbers.

    Raises:
        DataError: a number is the same for all of them, or below 0 where the loss takes logarithms.
        ConfigError: units of a number that there is not.
    """
    if samples.targets is None:
        return None
    if samples.kind == "labels":
        return Outputs(kind="labels", threshold=config.task.threshold)
    values = samples.targets[indices].astype(np.float64)
    mean, std = values.mean(axis=0), values.std(axis=0)
    flat = [name for name, spread in zip(samples.classes, std, strict=True) if not spread > 0]
    if flat:
        raise DataError(
            f"there is nothing to learn: all {len(indices)} training images have the same {shortened(flat)}",
            where=str(samples.root), hint="give numbers that differ, or leave the column out of data.targets",
        )  # fmt: skip
    if loss_of(config) == "msle" and (values < 0).any():
        row = int(indices[int(np.flatnonzero((values < 0).any(axis=1))[0])])
        raise DataError(
            "msle takes logarithms, and there are numbers below 0", where="train.loss.name",
            got=f"{samples.told(row)} of {samples.paths[row]}", hint="set train.loss.name=huber",
        )  # fmt: skip
    return Outputs(kind="numbers", mean=tuple(mean.tolist()), std=tuple(std.tolist()), units=_units(config, samples))


def _units(config: RunConfig, samples: Samples) -> tuple[str, ...]:
    told = config.task.units
    unknown = sorted(set(told) - set(samples.classes))
    if unknown:
        raise ConfigError(
            f"no number is called '{unknown[0]}'", where="task.units", got=shortened(unknown), allowed=samples.classes,
            hint=did_you_mean(unknown[0], list(samples.classes)),
        )  # fmt: skip
    return tuple(told.get(name, "") for name in samples.classes) if told else ()


def make_task(config: RunConfig, contract: Contract, class_weights: torch.Tensor | None = None) -> Task:
    """The task that the settings name, with its loss; without class weights, as they are for training only."""
    return task_of(config.task.name)(contract, make_loss(config.train.loss, class_weights, contract.kind))


def judging_task(config: RunConfig, contract: Contract) -> Task:
    """The task that judges: every image by itself, all weighing the same."""
    loss = judging(make_loss(config.train.loss, None, contract.kind))
    return task_of(config.task.name)(contract, loss)


def tasks_of(config: RunConfig, contract: Contract, balanced: Balance) -> tuple[Task, Task]:
    """What learns and what judges: one and the same where the classes weigh the same.

    Raises:
        PlugError: task and loss cannot do what the settings ask of them.
        ConfigError: a loss of whole batches, which are computed in pieces.
    """
    own = balanced.class_weights
    task = make_task(config, contract, None if own is None else torch.from_numpy(own).float())
    if task.kind != contract.kind:
        raise PlugError(
            f"'{config.task.name}' says that it is about {contract.kind} and gives a task of {task.kind}",
            where="task.name", hint=f"give the function the attribute kind = {task.kind!r}",
        )  # fmt: skip
    _refuse_pieces(config, task)
    refuse_unfit(
        task,
        classes=len(contract.classes),
        loss=config.train.loss.name,
        mixed=config.data.mixup > 0 or config.data.cutmix > 0,
        weighted=balanced.sample_weights is not None,
    )
    same = own is None and not of_batch(task.loss)
    return task, task if same else judging_task(config, contract)


def _refuse_pieces(config: RunConfig, task: Task) -> None:
    pieces = 1 if config.train.accumulate == "auto" else config.train.accumulate
    if of_batch(task.loss) and pieces * distributed.world() > 1:
        raise ConfigError(
            "a loss that compares the samples of a whole batch cannot be computed in pieces: they would compare others",
            where="train.loss.name", got=f"{distributed.world()} processes x {pieces} micro-batches",
            hint="train in one process with train.accumulate=1, or with another loss",
        )  # fmt: skip
