"""Optimizers, and which parameter gets which learning rate and decay."""

from collections.abc import Callable
from typing import Any

import torch

from sightline import plug
from sightline.errors import PlugError
from sightline.model.build import Built
from sightline.training.config import OptimizerConfig, TrainConfig

Groups = list[dict[str, Any]]


def adamw(groups: Groups, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return torch.optim.AdamW(groups, betas=config.betas)


def sgd(groups: Groups, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    nesterov = config.nesterov and config.momentum > 0
    return torch.optim.SGD(groups, momentum=config.momentum, nesterov=nesterov)


OPTIMIZERS: dict[str, Callable[[Groups, OptimizerConfig], torch.optim.Optimizer]] = {"adamw": adamw, "sgd": sgd}
"""Built-in optimizers, each made from parameter groups and its settings."""


def parameter_groups(built: Built, layer_decay: float, weight_decay: float) -> Groups:
    """Divide the parameters by layer and by kind.

    Each group carries ``lr_share``, its part of the scheduled learning rate: ``layer_decay`` to the power of the layers
    between it and the head. Norm weights and biases (everything of one dimension) get no weight decay.
    """
    top = max(built.depth.values(), default=0)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in built.module.named_parameters():
        depth = top if name in built.head else built.depth.get(name, top)
        decayed = parameter.ndim > 1
        group = groups.setdefault(
            (depth if layer_decay < 1 else top, decayed),
            {"params": [], "weight_decay": weight_decay if decayed else 0.0, "lr_share": layer_decay ** (top - depth)},
        )
        group["params"].append(parameter)
    return [groups[key] for key in sorted(groups)]


def make_optimizer(built: Built, config: TrainConfig, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """The optimizer that the settings name, over the network's parameter groups."""
    groups = parameter_groups(built, config.layer_decay, weight_decay)
    for group in groups:
        group["lr"] = lr * group["lr_share"]
    make = plug.resolve("optimizer", config.optimizer.name, OPTIMIZERS, "train.optimizer.name")
    optimizer = make(groups, config.optimizer)
    if not isinstance(optimizer, torch.optim.Optimizer) or not all("lr_share" in g for g in optimizer.param_groups):
        raise PlugError(
            f"'{config.optimizer.name}' did not give an optimizer over the groups it got",
            where="train.optimizer.name", got=type(optimizer).__name__,
            hint="return a torch.optim.Optimizer made of `groups` as they are; each carries its lr_share",
        )  # fmt: skip
    return optimizer


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group its share of the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_share"]
