"""From settings to the task: what learns, and what judges."""

import torch

from sightline import plug
from sightline.config import RunConfig
from sightline.data.balance import Balance
from sightline.data.contract import Contract
from sightline.task.classification import TASKS
from sightline.task.fit import refuse_unfit
from sightline.task.task import Task
from sightline.training.losses import make_loss


def make_task(config: RunConfig, contract: Contract, class_weights: torch.Tensor | None = None) -> Task:
    """The task that the settings name, with its loss; without class weights, as they are for training only."""
    make = plug.resolve("task", config.task.name, TASKS, "task.name")
    return make(contract, make_loss(config.train.loss, class_weights))


def tasks_of(config: RunConfig, contract: Contract, balanced: Balance) -> tuple[Task, Task]:
    """What learns and what judges: one and the same where the classes weigh the same."""
    own = balanced.class_weights
    task = make_task(config, contract, None if own is None else torch.from_numpy(own).float())
    refuse_unfit(
        task,
        classes=len(contract.classes),
        loss=config.train.loss.name,
        mixed=config.data.mixup > 0 or config.data.cutmix > 0,
        weighted=balanced.sample_weights is not None,
    )
    return task, task if own is None else make_task(config, contract)
