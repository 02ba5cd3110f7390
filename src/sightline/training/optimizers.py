"""Optimizers, and which parameter gets which learning rate and decay."""

import dataclasses
import functools
from typing import Any

import torch

from sightline import plug
from sightline.errors import PlugError
from sightline.model.build import Built
from sightline.training.config import TrainConfig
from sightline.training.optimizer_kinds import KINDS, Groups, made


def parameter_groups(built: Built, layer_decay: float, weight_decay: float, hidden_apart: bool = False) -> Groups:
    """Divide the parameters by layer and by kind.

    Each group carries ``lr_share``, its part of the scheduled learning rate: ``layer_decay`` to the power of the layers
    between it and the head. Norm weights and biases (everything of one dimension) get no weight decay.

    Args:
        built: the network.
        layer_decay: factor from layer to layer.
        weight_decay: decay of the others.
        hidden_apart: whether matrices and filters between the first and the last layer are groups of their own; the
            others carry ``use_fallback``.
    """
    top = max(built.depth.values(), default=0)
    outer = outer_parameters(built) if hidden_apart else frozenset[str]()
    groups: dict[tuple[int, bool, bool], dict[str, Any]] = {}
    for name, parameter in built.module.named_parameters():
        depth = top if name in built.head else built.depth.get(name, top)
        decayed = parameter.ndim > 1
        fallback = hidden_apart and (name in outer or not decayed)
        own = {"params": [], "weight_decay": weight_decay if decayed else 0.0, "lr_share": layer_decay ** (top - depth)}
        group = groups.setdefault(
            (depth if layer_decay < 1 else top, decayed, fallback),
            own | ({"use_fallback": fallback} if hidden_apart else {}),
        )
        group["params"].append(parameter)
    return [groups[key] for key in sorted(groups)]


def outer_parameters(built: Built) -> frozenset[str]:
    """Names of the matrices and filters of the first layer and of the head; with no known head, of the last layer.

    Parameters that belong to the network itself, such as the tokens and positions of a transformer, are in no layer.
    """
    names = [name for name, parameter in built.module.named_parameters() if parameter.ndim > 1]
    layers = [name for name in names if "." in name]
    return frozenset([*(name for name in names if "." not in name), *layers[:1], *(built.head or layers[-1:])])


def make_optimizer(built: Built, config: TrainConfig, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """The optimizer that the settings name, over the network's parameter groups."""
    name = config.optimizer.name
    groups = parameter_groups(built, config.layer_decay, weight_decay, name in KINDS and KINDS[name].hidden_only)
    for group in groups:
        group["lr"] = lr * group["lr_share"]
    built_in = {kind: functools.partial(made, kind) for kind in KINDS}
    make = plug.resolve("optimizer", name, built_in, "train.optimizer.name")
    own = config.optimizer
    if name not in KINDS:  # a user's own gets numbers, not their absence
        momentum = 0.9 if own.momentum is None else own.momentum
        own = dataclasses.replace(own, momentum=momentum, betas=own.betas or (0.9, 0.999))
    optimizer = make(groups, own)
    if not isinstance(optimizer, torch.optim.Optimizer) or not all("lr_share" in g for g in optimizer.param_groups):
        raise PlugError(
            f"'{name}' did not give an optimizer over the groups it got",
            where="train.optimizer.name", got=type(optimizer).__name__,
            hint="return a torch.optim.Optimizer made of `groups` as they are; each carries its lr_share",
        )  # fmt: skip
    return optimizer


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group its share of the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_share"]
