"""What an exported file computes: everything between the pixels of a picture and the answer about it."""

import copy
import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from sightline.data.contract import Contract
from sightline.errors import ModelError
from sightline.export.session import OUTPUTS
from sightline.model.places import Place, place_of


@dataclasses.dataclass(frozen=True)
class Taps:
    """What a file gives beside its answers, taken from inside the network."""

    embedding: str = ""
    """The part whose input describes the picture: the head. Empty: the network has no single one."""
    features: str = ""
    """The part whose output is the last map with places. Empty: there is none, as in a transformer."""
    channels_last: bool = False
    """Whether that map is ``[n, rows, columns, channels]``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs that come after the answers."""
        return tuple(name for name, part in (("embedding", self.embedding), ("features", self.features)) if part)


NO_TAPS = Taps()
"""Answers only."""


def taps_of(model: nn.Module, head: frozenset[str], contract: Contract) -> Taps:
    """Where the embedding and the last map are in this network.

    Args:
        model: normalised float32 ``[n, channels, height, width]`` to logits ``[n, classes]``; it is not altered.
        head: names of the parameters of its last layer.
        contract: the size of its input.
    """
    owners = {name.rpartition(".")[0] for name in head}
    example = torch.rand(1, contract.channels, contract.height, contract.width) - 0.5
    try:
        place: Place | None = place_of(copy.deepcopy(model).to("cpu", torch.float32), example)
    except ModelError:
        place = None
    is_map = place is not None and place.tokens is None
    return Taps(
        embedding=owners.pop() if len(owners) == 1 else "",
        features=place.name if is_map and place is not None else "",
        channels_last=is_map and place is not None and place.channels_last,
    )


class Served(nn.Module):
    """Normalisation, the model, softmax over the temperature; of labels the sigmoid, of numbers their units.

    ``images`` is uint8 ``[batch, height, width, channels]``. The outputs are those of ``names``, all float32: answers
    ``[batch, classes]``, then ``embedding`` ``[batch, width]`` and ``features`` ``[batch, channels, rows, columns]``.
    """

    mean: Tensor
    std: Tensor
    middle: Tensor
    spread: Tensor

    def __init__(self, model: nn.Module, contract: Contract, taps: Taps = NO_TAPS):
        super().__init__()
        self.model, self.kind, self.temperature = model, contract.kind, float(contract.temperature)
        self.taps, self.names = taps, (*OUTPUTS[contract.kind], *taps.names)
        own = contract.outputs
        numbers = (own.mean, own.std) if own is not None and own.kind == "numbers" else ((), ())
        for name, values in zip(("middle", "spread"), numbers, strict=True):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32))
        for name, values in (("mean", contract.mean), ("std", contract.std)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Probabilities and logits, of numbers the values alone; then what is tapped."""
        scaled = images.permute(0, 3, 1, 2).to(torch.float32) / 255
        logits, tapped = self._tapped((scaled - self.mean) / self.std)
        if self.kind == "numbers":
            return (logits * self.spread + self.middle, *tapped)
        if self.kind == "labels":
            return (torch.sigmoid(logits), logits, *tapped)
        sure = logits if self.temperature == 1.0 else logits / self.temperature
        return (torch.softmax(sure, 1), logits, *tapped)

    def _tapped(self, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits, and what passes through the tapped parts on the way."""
        found: dict[str, Tensor] = {}

        def before(_part: nn.Module, given: tuple[Any, ...]) -> None:
            found["embedding"] = given[0].mean(dim=(2, 3)) if given[0].ndim == 4 else given[0].flatten(1)

        def after(_part: nn.Module, _given: Any, made: Tensor) -> None:
            found["features"] = made.permute(0, 3, 1, 2) if self.taps.channels_last else made

        hooks: list[Any] = []
        if self.taps.embedding:
            hooks.append(self.model.get_submodule(self.taps.embedding).register_forward_pre_hook(before))
        if self.taps.features:
            hooks.append(self.model.get_submodule(self.taps.features).register_forward_hook(after))
        try:
            logits = self.model(inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return logits, [found[name] for name in self.taps.names]


def served_copy(model: nn.Module, contract: Contract, taps: Taps = NO_TAPS) -> Served:
    """A copy of the model as it is served: float32, on the CPU, evaluation mode. The caller's model stays as it is."""
    own = copy.deepcopy(model).to("cpu", torch.float32).to(memory_format=torch.contiguous_format)
    return Served(own, contract, taps).requires_grad_(False).eval()
