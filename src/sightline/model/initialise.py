"""Random starting values, of what no weights were loaded into."""

import math
from collections.abc import Callable, Collection, Sequence

import torch
from torch import nn

from sightline.errors import ConfigError
from sightline.model.build import Built
from sightline.model.config import InitConfig
from sightline.model.heads import CosineHead, LinearHead, class_rows

STD = 0.02
"""Standard deviation of normal and uniform where none is given."""

Fill = Callable[[torch.Tensor, float], object]
INITIALISERS: dict[str, Fill] = {
    "normal": lambda weight, std: nn.init.normal_(weight, std=std),
    "uniform": lambda weight, std: nn.init.uniform_(weight, -math.sqrt(3) * std, math.sqrt(3) * std),
    "xavier": lambda weight, _: nn.init.xavier_uniform_(weight),
    "kaiming": lambda weight, _: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "orthogonal": lambda weight, _: nn.init.orthogonal_(weight),
}
"""How a filter or matrix is filled: xavier by Glorot and Bengio 2010, kaiming by He et al. 2015 (normal, for what comes
in), orthogonal by Saxe et al. 2014."""

_LAYERS = (nn.Linear, nn.modules.conv._ConvNd, LinearHead, CosineHead)  # pyright: ignore[reportPrivateUsage]  the one parent of all convolutions


def initialise(
    built: Built, config: InitConfig, fresh: Collection[str], classes: int, prior: Sequence[float] | None = None
) -> None:
    """Give filters, matrices and biases their starting values, in the order of the network.

    Args:
        built: the network; its parameters are changed.
        config: which values.
        fresh: names of the parameters that no weights were loaded into; only those are changed.
        classes: outputs.
        prior: how often each class is seen, for ``prior_bias``.

    Raises:
        ConfigError: a setting would change nothing.
    """
    own = dict(built.module.named_parameters())
    layers = [name for name, layer in built.module.named_modules() if isinstance(layer, _LAYERS)]
    weights, biases = ([f"{name}.{kind}".lstrip(".") for name in layers] for kind in ("weight", "bias"))
    if config.name in INITIALISERS:
        fill = INITIALISERS[config.name]
        for key in _some(weights, own, fresh, "name", "filter or matrix"):
            fill(own[key].data, config.std or STD)
    if config.zero_bias:
        for key in _some(biases, own, fresh, "zero_bias", "bias"):
            nn.init.zeros_(own[key])
    if config.prior_bias and prior is not None:
        _prior(built, prior, own, fresh, classes)


def _some(
    names: Sequence[str], own: dict[str, nn.Parameter], fresh: Collection[str], setting: str, what: str
) -> list[str]:
    there = [key for key in names if key in own]
    found = [key for key in there if key in fresh]
    if not found:
        reason = f"every {what} was loaded from the weights" if there else f"the model has no {what}"
        raise ConfigError(f"model.init.{setting} has no effect: {reason}", where="model.init", hint="remove it")
    return found


def _prior(
    built: Built, prior: Sequence[float], own: dict[str, nn.Parameter], fresh: Collection[str], classes: int
) -> None:
    """Logits of an even network become the logarithms of the classes' shares (Lin et al. 2017, for two classes)."""
    shares = torch.tensor([float(count) for count in prior], dtype=torch.float64)
    if float(shares.max()) <= float(shares.min()) * (1 + 1e-9):
        raise ConfigError(
            "model.init.prior_bias has no effect: every class counts as often as any other in the training",
            where="model.init.prior_bias", hint="remove it",
        )  # fmt: skip
    biases = [key for key in class_rows(built, classes) if key.endswith(".bias")]
    for key in _some(biases, own, fresh, "prior_bias", "bias of the head"):
        own[key].data.copy_((shares / shares.sum()).log())
