"""A network as a tree: how much lies where, what of it learns, and how fast."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from sightline import plug
from sightline.config import RunConfig
from sightline.config_file import load, resolve
from sightline.data.contract import Contract
from sightline.errors import ConfigError, RunError
from sightline.model.build import Built, preferred_input
from sightline.model.freeze import set_frozen
from sightline.model.make import make_model
from sightline.run import Run
from sightline.training.freezing import named_frozen
from sightline.training.optimizers import make_optimizer
from sightline.workflow.members import members_of
from sightline.workflow.wishes import Settings, loaded_from, with_absolute_paths, words_of

CLASSES = 10
"""Outputs of a network that is looked at before there is data."""
SIDE = 28
"""Side in pixels at which a built-in network is looked at."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """A part of a network."""

    name: str
    """Its name in the part around it; of the network, that of the model."""
    kind: str
    """Class of the module; ``Parameter`` for one that belongs to the part around it."""
    parameters: int
    """Learnt numbers in it."""
    trainable: int
    """Those of them that learn from the first step on."""
    rates: tuple[float, ...]
    """The different learning rates of its trainable parameters, rising: shares of the peak where that is not known."""
    children: tuple["Node", ...]
    """What it consists of, as deep as was asked for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outline:
    """A network, looked at without training."""

    root: Node
    lr: float | None
    """Peak learning rate that ``rates`` are in; none: ``rates`` are shares."""
    frozen: str
    """How long a part of it is frozen; empty: nothing is."""
    head: tuple[str, ...]
    """Names of the parameters of the head."""
    classes: int
    channels: int
    size: int

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class _Fact:
    count: int
    trains: bool
    rate: float


def outline(
    target: str | Path,
    *,
    config: str | Path | None = None,
    settings: Settings | None = None,
    classes: int | None = None,
    depth: int = 2,
) -> Outline:
    """Look at the network of a run, or of a name.

    Args:
        target: folder of a run, or what ``model.name`` takes.
        config: YAML file, for a name.
        settings: values by dotted path, or ``key=value`` words; they go over the file, or over the settings of the run.
        classes: outputs, for a name.
        depth: how many levels of parts to show.

    Raises:
        ModelError: there is no such model.
        RunError: the run was never prepared, or is an ensemble, of which one network is shown at a time.
        ConfigError: a setting is wrong or does nothing.
    """
    folder = Path(target)
    seen, shape = _run(folder, config, settings, classes) if folder.is_dir() else _name(str(target), config, settings)
    outputs, channels, size = shape if folder.is_dir() else (classes or CLASSES, *shape[1:])
    model, train = seen.model, seen.train
    built = make_model(model, outputs, channels, size=size)
    lr = None if train.lr == "auto" else float(train.lr)
    frozen = "" if re.fullmatch(r"0+(\.0+)?(ep|st|%)", train.freeze) else train.freeze
    set_frozen(built, named_frozen(built, train) if frozen else frozenset())
    facts = _facts(built, seen, lr)
    return Outline(
        root=_node(model.name, built.module, facts, "", depth),
        lr=lr,
        frozen=frozen,
        head=tuple(sorted(built.head)),
        classes=outputs,
        channels=channels,
        size=size,
    )


_Shape = tuple[int, int, int]


def _run(
    folder: Path, config: str | Path | None, settings: Settings | None, classes: int | None
) -> tuple[RunConfig, _Shape]:
    run = Run.open(folder)
    if config is not None or classes is not None:
        raise ConfigError(
            "a run has its own settings and classes", where="-c" if config is not None else "--classes",
            hint="leave it out; -s changes single settings",
        )  # fmt: skip
    if "ensemble" in run.info():
        inside = [str(one.folder) for one in members_of(run)]
        raise RunError(f"{folder} is an ensemble of {len(inside)} networks, each a tree of its own", allowed=inside)
    plug.search_in(*run.user_folders())
    if not run.contract.exists():
        raise RunError(f"{folder} has not been prepared", hint=f"sightline resume {folder}")
    contract = Contract.load(run.contract)
    loaded = load(run.config, words_of(settings))
    seen = with_absolute_paths(loaded.config, home_only=True)
    return seen, (len(contract.classes), contract.channels, contract.height)


def _name(name: str, config: str | Path | None, settings: Settings | None) -> tuple[RunConfig, _Shape]:
    loaded = loaded_from(None, config, settings)
    seen = resolve(loaded.config, {"model.name": name})
    preferred = preferred_input(name)
    own = preferred.size if preferred is not None else SIDE
    size = own if seen.data.image_size == "auto" else int(seen.data.image_size)
    return seen, (CLASSES, 1 if seen.data.color == "gray" else 3, size)


def _facts(built: Built, config: RunConfig, lr: float | None) -> dict[str, _Fact]:
    """Of each parameter, what the optimizer of a training would do with it."""
    decay = config.train.optimizer.weight_decay
    optimizer = make_optimizer(built, config.train, 1.0 if lr is None else lr, 0.0 if decay == "auto" else decay)
    rates = {id(one): float(group["lr"]) for group in optimizer.param_groups for one in group["params"]}
    return {
        name: _Fact(one.numel(), one.requires_grad and id(one) in rates, rates.get(id(one), 0.0))
        for name, one in built.module.named_parameters()
    }


def _node(name: str, module: nn.Module, facts: dict[str, _Fact], prefix: str, depth: int) -> Node:
    own = {key.removeprefix(prefix): fact for key, fact in facts.items() if key.startswith(prefix)}
    inner = [
        (child, part) for child, part in module.named_children() if any(key.startswith(f"{child}.") for key in own)
    ]
    children: list[Node] = []
    if depth and inner:
        loose = [(key, fact) for key, fact in own.items() if "." not in key]
        children += [_summed(key, "Parameter", [fact]) for key, fact in loose]
        children += [_node(child, part, facts, f"{prefix}{child}.", depth - 1) for child, part in inner]
    return _summed(name, type(module).__name__, list(own.values()), tuple(children))


def _summed(name: str, kind: str, facts: Sequence[_Fact], children: tuple[Node, ...] = ()) -> Node:
    return Node(
        name=name,
        kind=kind,
        parameters=sum(fact.count for fact in facts),
        trainable=sum(fact.count for fact in facts if fact.trains),
        rates=tuple(sorted({fact.rate for fact in facts if fact.trains})),
        children=children,
    )
