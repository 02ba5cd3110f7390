"""Heads: what turns features into logits, put in the place of a network's last layer."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sightline import plug
from sightline.errors import ModelError, PlugError
from sightline.model.build import Built, outputs_of
from sightline.model.config import HeadConfig

SCALE = 10.0
"""What the scale of a cosine head starts from (Gidaris and Komodakis 2018)."""
SMALL = 0.01
"""Standard deviation of a small start."""


class LinearHead(nn.Module):
    """Dropout and a linear layer, whose weights have the names of those of a plain linear layer."""

    def __init__(self, features: int, classes: int, dropout: float):
        super().__init__()
        plain = nn.Linear(features, classes)
        self.weight, self.bias, self.dropout = plain.weight, plain.bias, dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``[…, features]`` to logits ``[…, classes]``."""
        return functional.linear(functional.dropout(x, self.dropout, self.training), self.weight, self.bias)


class MlpHead(nn.Module):
    """Linear, ReLU, dropout, linear."""

    def __init__(self, features: int, classes: int, hidden: int, dropout: float):
        super().__init__()
        self.hidden, self.dropout, self.last = (
            nn.Linear(features, hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``[…, features]`` to logits ``[…, classes]``."""
        return self.last(self.dropout(torch.relu(self.hidden(x))))


class CosineHead(nn.Module):
    """A learnt scale times the cosine between features and the direction of each class (Gidaris and Komodakis 2018)."""

    def __init__(self, features: int, classes: int, scale: float, dropout: float):
        super().__init__()
        self.weight = nn.Linear(features, classes, bias=False).weight
        self.scale, self.dropout = nn.Parameter(torch.tensor(scale)), dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``[…, features]`` to logits ``[…, classes]``, none of them beyond the scale."""
        x = functional.dropout(x, self.dropout, self.training)
        cosine = functional.linear(functional.normalize(x, dim=-1), functional.normalize(self.weight, dim=-1))
        return self.scale * cosine


class EveryPlace(nn.Module):
    """A head at every place of a map: ``[n, features, h, w]`` to ``[n, classes, h, w]``."""

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As the 1x1 convolution does in whose place it stands."""
        return self.head(x.movedim(1, -1)).movedim(-1, 1)


HEADS = {
    "linear": lambda features, classes, own: LinearHead(features, classes, own.dropout),
    "mlp": lambda features, classes, own: MlpHead(features, classes, own.hidden or features, own.dropout),
    "cosine": lambda features, classes, own: CosineHead(features, classes, own.scale or SCALE, own.dropout),
}
"""Built-in heads, each made of features, classes and settings."""


def with_head(built: Built, name: str, classes: int, config: HeadConfig) -> Built:
    """The network with another head in the place of its last layer, or as it is where that is what is wanted.

    Args:
        built: the network; its module is changed.
        name: of the model, for messages.
        classes: outputs.
        config: the head.

    Raises:
        ModelError: the network does not end in a linear layer or 1x1 convolution with one output a class.
        PlugError: the user's own head is no module, or gives no logits.
    """
    if config.name == "linear" and not config.dropout:
        return built
    places = [place for place in owners(built) if place and _outputs(built.module.get_submodule(place)) == classes]
    if not places:
        raise ModelError(
            f"the head of '{name}' cannot be replaced: it does not end in a linear layer with {classes} outputs",
            where="model.head", got=", ".join(sorted(built.head)) or "no head that is known",
            hint="take model.head=linear without dropout, or end the model with a torch.nn.Linear",
        )  # fmt: skip
    top = max((built.depth.get(key, 0) for key in built.head), default=0)
    for place in places:
        built.module.set_submodule(place, _made(built.module.get_submodule(place), classes, config))
    kept = {key for key in built.head if not _inside(key, places)}
    head = frozenset(key for key, _ in built.module.named_parameters() if key in kept or _inside(key, places))
    depth = {key: layer for key, layer in built.depth.items() if not _inside(key, places)}
    return dataclasses.replace(built, head=head, depth=depth | {key: depth.get(key, top) for key in head})


def owners(built: Built) -> list[str]:
    """The modules that the parameters of the head belong to, in order."""
    names = [key for key, _ in built.module.named_parameters() if key in built.head]
    return list(dict.fromkeys(key.rpartition(".")[0] for key in names))


def class_rows(built: Built, classes: int) -> list[str]:
    """Names of the head's parameters that hold one row, or one number, for each class."""
    found = [place for place in owners(built) if _outputs(built.module.get_submodule(place)) == classes]
    last: dict[str, str] = {}
    for place in found:  # where one follows the other, only the last one gives the classes
        around = place.rpartition(".")[0]
        chained = around and isinstance(built.module.get_submodule(around), nn.Sequential | MlpHead)
        last[around if chained else place] = place
    own = dict(built.module.named_parameters())
    names = [f"{place}.{kind}" for place in last.values() for kind in ("weight", "bias")]
    return [key for key in names if key in own and key in built.head]


def start_head_small(built: Built, classes: int) -> None:
    """Give a new head small random weights and no bias, so that training starts from the loss of an even guess.

    Constructors scale the head by its outputs; over features of published weights that makes large, wrong logits, and
    the first steps would spoil those features. A cosine head looks at directions only, and stays as it is.
    """
    own = dict(built.module.named_parameters())
    for key in class_rows(built, classes):
        if isinstance(built.module.get_submodule(key.rpartition(".")[0]), CosineHead):
            continue
        nn.init.normal_(own[key], std=SMALL) if own[key].ndim > 1 else nn.init.zeros_(own[key])


def _made(layer: nn.Module, classes: int, config: HeadConfig) -> nn.Module:
    spread = isinstance(layer, nn.Conv2d)
    features = layer.in_channels if isinstance(layer, nn.Conv2d) else int(getattr(layer, "in_features"))  # noqa: B009
    if config.name in HEADS:
        head: Any = HEADS[config.name](features, classes, config)
    else:
        make = plug.resolve("head", config.name, HEADS, "model.head.name")
        try:
            head = make(features, classes, **config.options)
        except TypeError as error:
            raise ModelError(
                f"head '{config.name}' does not take these arguments", where="model.head", got=str(error)
            ) from error
    if not isinstance(head, nn.Module):
        raise PlugError(
            f"'{config.name}' did not give a module", where="model.head.name", got=type(head).__name__,
            hint="return a torch.nn.Module from (features, classes, **options)",
        )  # fmt: skip
    return EveryPlace(head) if spread else head


def _outputs(layer: nn.Module) -> int | None:
    """How many outputs a last layer has, also one that was put there."""
    return len(layer.weight) if isinstance(layer, LinearHead | CosineHead) else outputs_of(layer)


def _inside(key: str, places: Iterable[str]) -> bool:
    return any(key.startswith(f"{place}.") for place in places)
