"""The built-in optimizers: where each comes from, what it takes from the settings, and its customary numbers."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from sightline.errors import ConfigError, did_you_mean
from sightline.training.choices import DECAYS, TAKEN
from sightline.training.config import OptimizerConfig
from sightline.training.ranger import Ranger

Groups = list[dict[str, Any]]
_SETTLED = ("params", "lr", "weight_decay", "momentum", "nesterov", "betas")
_INNER = (
    "foreach",
    "fused",
    "capturable",
    "differentiable",
    "maximize",
    "decoupled_weight_decay",
    "decoupled_decay",
    "verbose",
)
"""Arguments that other settings decide, and those that are no user's business."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One optimizer."""

    make: Callable[[], Callable[..., torch.optim.Optimizer]]
    """Gives its class; imports it where it is needed."""
    decoupled: str = ""
    """Argument that says whether decay is decoupled, where the class has one."""
    make_decoupled: Callable[[], Callable[..., torch.optim.Optimizer]] | None = None
    """Gives the class for decoupled decay, where that is another one."""
    momentum: float = 0.0
    """What ``train.optimizer.momentum`` is where nobody says."""
    betas: tuple[float, float] = (0.9, 0.999)
    """What ``train.optimizer.betas`` are where nobody says."""
    decay: float = 0.05
    """Customary weight decay."""
    rates: tuple[float, float] = (2e-3, 5e-4)
    """Customary learning rates for batches of 64, from random and from pretrained weights."""
    linear: bool = False
    """Whether the learning rate grows with the batch, and not with the square root of it."""
    fused: bool = False
    """Whether torch has one kernel for all its parameters, in the place of several for each, that gives the same."""
    hidden_only: bool = False
    """Whether it is meant for the matrices and filters between the first and the last layer."""


def _torch(name: str, **fixed: Any) -> Callable[[], Callable[..., torch.optim.Optimizer]]:
    return lambda: functools.partial(getattr(torch.optim, name), **fixed)


def _timm(name: str, **fixed: Any) -> Callable[[], Callable[..., torch.optim.Optimizer]]:
    def load() -> Callable[..., torch.optim.Optimizer]:
        import timm.optim  # noqa: PLC0415  slow to import, and most trainings do without

        return functools.partial(getattr(timm.optim, name), **fixed)

    return load


_FLAG = "decoupled_weight_decay"
KINDS: dict[str, Kind] = {
    # Robbins and Monro 1951; Polyak 1964; Nesterov 1983. L2 decay. Not fused: that form wants the momentum of all
    # parameters or of none, and after a first step that a scaler skips it goes on from memory that nobody wrote.
    "sgd": Kind(
        make=_torch("SGD"), make_decoupled=_timm("SGDW"), momentum=0.9, decay=5e-4, rates=(0.05, 0.01), linear=True
    ),
    # Kingma and Ba 2015, with L2 decay; with decoupled decay it is adamw.
    "adam": Kind(make=_torch("Adam"), decoupled=_FLAG, decay=5e-4, fused=True),
    # Loshchilov and Hutter 2019.
    "adamw": Kind(make=_torch("AdamW"), fused=True),
    # Dozat 2016.
    "nadam": Kind(make=_torch("NAdam"), decoupled=_FLAG),
    # Liu et al. 2020.
    "radam": Kind(make=_torch("RAdam"), decoupled=_FLAG),
    # Tieleman and Hinton 2012. L2 decay.
    "rmsprop": Kind(make=_torch("RMSprop"), decay=5e-4, rates=(5e-4, 1e-4)),
    # Duchi et al. 2011. L2 decay.
    "adagrad": Kind(make=_torch("Adagrad"), decay=5e-4, rates=(1e-2, 3e-3), fused=True),
    # Zeiler 2012. L2 decay.
    "adadelta": Kind(make=_torch("Adadelta"), decay=5e-4, rates=(1.0, 0.2)),
    # Zhuang et al. 2020, with rectification and decoupled decay.
    "adabelief": Kind(make=_timm("AdaBelief"), decoupled="decoupled_decay"),
    # timm's Lookahead leaves out the first of its steps back, so this one is our own.
    "ranger": Kind(make=lambda: Ranger, decoupled=_FLAG, rates=(4e-3, 1e-3)),
    # Chen et al. 2023, who advise a third to a tenth of AdamW's rate, and as much more decay.
    "lion": Kind(make=_timm("Lion"), betas=(0.9, 0.99), decay=0.25, rates=(4e-4, 1e-4)),
    # Jordan et al. 2024, with updates as large as AdamW's (Liu et al. 2025). All but hidden matrices are left to AdamW,
    # with Nesterov's form to NAdamW.
    "muon": Kind(make=_timm("Muon"), momentum=0.95, betas=(0.9, 0.95), hidden_only=True),
}
"""Every built-in optimizer, by its name in the settings."""


def made(name: str, groups: Groups, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer over these groups.

    Args:
        name: a key of ``KINDS``.
        groups: each with its learning rate and decay.
        config: its other settings.

    Raises:
        ConfigError: an option that it does not have, or a value that it refuses.
    """
    kind = KINDS[name]
    decoupled = (DECAYS[name][0] if config.decay == "auto" else config.decay) == "decoupled"
    make = (kind.make_decoupled if decoupled and kind.make_decoupled is not None else kind.make)()
    given: dict[str, Any] = dict(config.options)
    allowed = options_of(make)
    for option in given:
        if option not in allowed:
            raise ConfigError(
                f"{name} has no option '{option}'", where="train.optimizer.options", allowed=allowed,
                hint=did_you_mean(option, allowed) or "remove it",
            )  # fmt: skip
    momentum = kind.momentum if config.momentum is None else config.momentum
    own = {"momentum": momentum, "nesterov": config.nesterov and momentum > 0, "betas": config.betas or kind.betas}
    given |= {key: own[key] for key in TAKEN[name]}
    if kind.decoupled:
        given[kind.decoupled] = decoupled
    if kind.fused and _can_fuse(name, groups):
        given["fused"] = True
    try:
        return make(groups, **given)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{name} cannot be made of these settings", where="train.optimizer", got=str(error).split("\n")[0],
            hint="change train.optimizer.options",
        ) from error  # fmt: skip


def options_of(make: Callable[..., torch.optim.Optimizer]) -> list[str]:
    """Names that ``train.optimizer.options`` may have for it."""
    names = inspect.signature(make).parameters
    return sorted(name for name in names if name not in (*_SETTLED, *_INNER))


def _can_fuse(name: str, groups: Groups) -> bool:
    """Torch has the fused forms for floating-point parameters on these devices; that of adagrad takes no shards."""
    parameters = [parameter for group in groups for parameter in group["params"]]
    if name == "adagrad" and any(isinstance(parameter, DTensor) for parameter in parameters):
        return False
    return all(parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda") for parameter in parameters)
