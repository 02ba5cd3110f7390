"""A user's own probe: a function that is shown what layers give."""

import contextlib
import functools
import math
from collections.abc import Callable, Generator
from typing import Any

import torch
from torch import nn

from sightline.errors import PlugError

Probe = Callable[[str, nn.Module, torch.Tensor], dict[str, Any]]
"""(name of the layer, the layer, its output) -> named numbers."""


class OwnProbe:
    """Calls a user's function for each chosen layer at each look.

    The output is detached and must stay as it is: a function that changes it would change the training, and is told so
    at once. Random numbers that it draws do not count for the training. A function that fails is not asked again.

    Args:
        probe: the function; what it gives are numbers, or tensors of one element, which are read with the record.
        name: what the settings call it.
        layers: by their names.
        tell: is told, once, when it failed.
    """

    def __init__(self, probe: Probe, name: str, layers: dict[str, nn.Module], tell: Callable[[str], None]):
        self.probe, self.name, self.layers, self.tell = probe, name, layers, tell
        self.found: dict[str, Any] = {}
        self.asked = set[str]()
        self.failed = False

    def begin(self, step: int) -> None:
        """A step begins."""
        del step
        self.found = {}

    @contextlib.contextmanager
    def forward(self) -> Generator[None]:
        """Ask about what comes out of the layers within, the first time that each is called."""
        self.found, self.asked = {}, set()
        wanted = {} if self.failed else self.layers
        handles = [part.register_forward_hook(functools.partial(self._see, name)) for name, part in wanted.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def backward(self, scale: torch.Tensor) -> None:
        """It is asked in the forward pass only."""

    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values ``probe/LAYER/NAME``, and no arrays."""
        found, self.found = self.found, {}
        return found, {}

    def _see(self, layer: str, part: nn.Module, _inputs: Any, output: Any) -> None:
        if self.failed or layer in self.asked or not isinstance(output, torch.Tensor):
            return
        self.asked.add(layer)
        version = output._version  # pyright: ignore[reportPrivateUsage]  # how often it was written to
        devices = [output.device] if output.is_cuda else []
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=devices):
                given = self.probe(layer, part, output.detach())
            self.found |= {f"probe/{layer}/{key}": _number(value) for key, value in given.items()}
        except Exception as error:  # noqa: BLE001 - it is a user's own, and watching never ends a training
            self.failed = True
            self.tell(
                f"warning: watch.probe {self.name} failed and is not asked again: {type(error).__name__}: {error}"
            )
        if output._version != version:  # pyright: ignore[reportPrivateUsage]
            raise PlugError(
                f"'{self.name}' changed the output of {layer}, and with it the training", where="watch.probe",
                hint="compute from a copy: output.clone()",
            )  # fmt: skip


def _number(value: Any) -> Any:
    """A number, or a tensor of one element that is read later."""
    if isinstance(value, torch.Tensor):
        return value.detach().float().reshape(())
    number = float(value)
    return number if math.isfinite(number) else None
