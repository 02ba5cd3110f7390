"""How the spread of the activations changes from layer to layer at the start."""

import copy
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from sightline.model.heads import CosineHead, LinearHead

FACTOR = 100.0
"""How many times larger or smaller the spread of the last layers may be than that of the first ones."""
_LAYERS = (nn.Linear, nn.modules.conv._ConvNd, LinearHead, CosineHead)  # pyright: ignore[reportPrivateUsage]  the one parent of all convolutions


@dataclasses.dataclass(frozen=True)
class Spread:
    """What comes out of a layer."""

    layer: str
    """Its name in the network."""
    variance: float
    """Variance of its outputs over images, channels and places."""
    gate: bool
    """Whether it gives one number a channel where others give maps, as in a squeeze-and-excitation block."""


@dataclasses.dataclass(frozen=True)
class SpreadReport:
    """Every layer in the order of the pass, and what that means."""

    layers: tuple[Spread, ...]
    verdict: str
    """``healthy``, ``shrinks`` or ``explodes``."""
    words: str
    """The verdict in a sentence, with what to do."""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; a variance that is not finite is ``None``."""
        layers = {one.layer: one.variance if math.isfinite(one.variance) else None for one in self.layers}
        return {"verdict": self.verdict, "words": self.words, "variance": layers}


def spread_of(module: nn.Module, inputs: torch.Tensor, head: Sequence[str] = ()) -> SpreadReport:
    """Send images through a copy of the network, as training would, and look at what each layer gives.

    Healthy networks keep the variance of the activations of the same order through all layers (Glorot and Bengio 2010,
    He et al. 2015): where it falls or rises by a factor a layer, so do the gradients on their way back.

    Args:
        module: the network, which stays as it is; so do the random numbers.
        inputs: real images as the network sees them, ``[n, channels, h, w]``.
        head: modules that are left out of the verdict, because a new head may start small.
    """
    found: list[Spread] = []
    twin = copy.deepcopy(module).train()

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            variance = float(output.detach().double().var(correction=0))
            found.append(Spread(name, variance, output.ndim == 4 and output.shape[2:].numel() == 1))

        return hook

    for name, layer in twin.named_modules():
        if isinstance(layer, _LAYERS):
            layer.register_forward_hook(keep(name))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        twin(inputs)
    return _judged(tuple(found), frozenset(head))


def _judged(layers: tuple[Spread, ...], head: frozenset[str]) -> SpreadReport:
    broken = next((one for one in layers if not math.isfinite(one.variance)), None)
    if broken is not None:
        words = f"the activations explode: those of {broken.layer} are not finite; {_remedy('smaller')}"
        return SpreadReport(layers, "explodes", words)
    body = [one for one in layers if not one.gate and one.layer not in head] or list(layers)
    quarter = max(1, len(body) // 4)
    first, last = (_typical(part) for part in (body[:quarter], body[-quarter:]))
    told = f"from {first:.3g} in the first layers to {last:.3g} in the last of {len(body)}"
    if last * FACTOR < first:
        words = f"the activations shrink: standard deviation {told}; {_remedy('larger')}"
        return SpreadReport(layers, "shrinks", words)
    if last > first * FACTOR:
        words = f"the activations explode: standard deviation {told}; {_remedy('smaller')}"
        return SpreadReport(layers, "explodes", words)
    return SpreadReport(layers, "healthy", f"the activations are healthy: standard deviation {told}")


def _typical(layers: Sequence[Spread]) -> float:
    """Geometric mean of the standard deviations."""
    tiny = 1e-300
    return math.exp(sum(0.5 * math.log(max(one.variance, tiny)) for one in layers) / len(layers))


def _remedy(change: str) -> str:
    return f"use model.init.name=kaiming, a {change} model.init.std, or a model with norm layers"
