"""Optimizers, and which parameter gets which learning rate and decay."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import torch

from sightline import plug
from sightline.config_steps import rules_of
from sightline.errors import ConfigError, PlugError
from sightline.model.build import Built
from sightline.model.stages import matching
from sightline.training.config import RuleConfig, TrainConfig
from sightline.training.optimizer_kinds import KINDS, Groups, made


def parameter_groups(
    built: Built,
    layer_decay: float,
    weight_decay: float,
    hidden_apart: bool = False,
    rules: Sequence[RuleConfig] = (),
) -> Groups:
    """Divide the parameters by layer, by kind and by rule.

    Each group carries ``lr_share``, its part of the scheduled learning rate: ``layer_decay`` to the power of the layers
    between it and the head, times the share that a rule gives. Norm weights and biases (everything of one dimension)
    get no weight decay unless a rule says so.

    Args:
        built: the network.
        layer_decay: factor from layer to layer.
        weight_decay: decay of the others.
        hidden_apart: whether matrices and filters between the first and the last layer are groups of their own; the
            others carry ``use_fallback``.
        rules: shares and decays by patterns of names; of those that match a parameter, the last that gives a figure.

    Raises:
        ConfigError: a rule matches no parameter, or later rules leave nothing of what it says.
    """
    ruled = _ruled(built, rules)
    top = max(built.depth.values(), default=0)
    outer = outer_parameters(built) if hidden_apart else frozenset[str]()
    groups: dict[tuple[int, bool, bool, float, float], dict[str, Any]] = {}
    for name, parameter in built.module.named_parameters():
        depth = top if name in built.head else built.depth.get(name, top)
        decayed = parameter.ndim > 1
        fallback = hidden_apart and (name in outer or not decayed)
        share, own_decay = ruled.get(name, (None, None))
        decay = (weight_decay if decayed else 0.0) if own_decay is None else own_decay
        share = 1.0 if share is None else share
        own = {"params": [], "weight_decay": decay, "lr_share": layer_decay ** (top - depth) * share}
        group = groups.setdefault(
            (depth if layer_decay < 1 else top, decayed, fallback, share, decay),
            own | ({"use_fallback": fallback} if hidden_apart else {}),
        )
        group["params"].append(parameter)
    return [groups[key] for key in sorted(groups)]


_Figures = tuple[float | None, float | None]
"""Share of the learning rate and weight decay, where a rule gives them."""


def _ruled(built: Built, rules: Sequence[RuleConfig]) -> dict[str, _Figures]:
    """By the name of a parameter, the figures that rules give it."""
    givers: dict[tuple[str, str], int] = {}
    for place, rule in enumerate(rules):
        for name in matching(built, rule.match, f"train.groups[{place}].match"):
            givers |= {(name, key): place for key in ("lr_share", "weight_decay") if getattr(rule, key) is not None}
    for place, rule in enumerate(rules):
        if place not in givers.values():
            raise ConfigError(
                "the rule has no effect: later ones match all that it matches", where=f"train.groups[{place}]",
                got=rule.match, hint="remove it, or put the wider patterns first",
            )  # fmt: skip
    found: dict[str, _Figures] = {}
    for name, _ in givers:
        share, decay = givers.get((name, "lr_share")), givers.get((name, "weight_decay"))
        found[name] = (
            None if share is None else rules[share].lr_share,
            None if decay is None else rules[decay].weight_decay,
        )
    return found


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
    hidden_apart = name in KINDS and KINDS[name].hidden_only
    groups = parameter_groups(built, config.layer_decay, weight_decay, hidden_apart, rules_of(config.groups))
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
