"""Samples of what flows through chosen layers, for histograms, and of the images that the network gets."""

import contextlib
import fnmatch
import functools
from collections.abc import Generator, Sequence
from typing import Any

import torch
from torch import nn

from sightline.diagnosis.probes import first_tensor
from sightline.errors import ConfigError, did_you_mean

MOST_VALUES = 1 << 14
"""Values of a tensor that a histogram is made of; of more, evenly spaced ones."""
MOST_IMAGES = 8


def chosen_layers(module: nn.Module, patterns: str | Sequence[str], key: str = "watch.layers") -> dict[str, nn.Module]:
    """The parts of a network whose names fit one of the patterns, in the order of the network.

    Args:
        module: the network.
        patterns: as in a shell, such as ``layer3.*``; one, or several.
        key: the setting, for the message.

    Raises:
        ConfigError: a pattern fits nothing; says the nearest names.
    """
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    names = [name for name, _ in module.named_modules() if name]
    for pattern in wanted:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise ConfigError(
                f"no part of the network is called '{pattern}'", where=key,
                allowed=[name for name, _ in module.named_children()],
                hint=did_you_mean(pattern, names) or "patterns are those of a shell, such as layer3.* or *.bn1",
            )  # fmt: skip
    found = [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)]
    return {name: module.get_submodule(name) for name in found}


def sample(values: torch.Tensor) -> torch.Tensor:
    """At most ``MOST_VALUES`` of a tensor's values, evenly spaced: float32 ``[n]``, apart from the tensor itself."""
    flat = values.detach().reshape(-1)
    return flat[:: max(1, -(-flat.numel() // MOST_VALUES))].to(torch.float32, copy=True)


class Samples:
    """Takes samples of activations, gradients and weights of chosen layers.

    Args:
        layers: by their names.
        what: any of ``activations``, ``gradients`` and ``weights``.
    """

    def __init__(self, layers: dict[str, nn.Module], what: Sequence[str]):
        self.layers, self.what = layers, what
        named = [(f"{name}.{key}", one) for name, part in layers.items() for key, one in part.named_parameters()]
        self.parameters = dict(named)
        self.found: dict[str, torch.Tensor] = {}

    def begin(self, step: int) -> None:
        """A step begins."""
        del step
        self.found = {}

    @contextlib.contextmanager
    def forward(self) -> Generator[None]:
        """Take samples of what comes out of the layers within, the first time that each is called."""
        self.found = {}
        wanted = self.layers if "activations" in self.what else {}
        handles = [part.register_forward_hook(functools.partial(self._see, name)) for name, part in wanted.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def backward(self, scale: torch.Tensor) -> None:
        """Take samples of the gradients, which are multiplied by a factor, and of the weights."""
        for name, parameter in self.parameters.items():
            if "gradients" in self.what and parameter.grad is not None:
                self.found[f"gradients/{name}"] = sample(parameter.grad) / scale.to(parameter.device)
            if "weights" in self.what:
                self.found[f"weights/{name}"] = sample(parameter)

    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """No values, and the samples by name."""
        found, self.found = self.found, {}
        return {}, {"histograms": found}

    def _see(self, name: str, _layer: nn.Module, _inputs: Any, output: Any) -> None:
        values, key = first_tensor(output), f"activations/{name}"
        if values is not None and key not in self.found:
            with contextlib.suppress(RuntimeError, MemoryError):  # the training must not be disturbed
                self.found[key] = sample(values)


class Inputs:
    """Takes the first images of a step as the network gets them: augmented, mixed and disturbed.

    Args:
        module: the network.
        mean: of each channel, 0 to 1.
        std: of each channel.
    """

    def __init__(self, module: nn.Module, mean: Sequence[float], std: Sequence[float]):
        self.module = module
        self.mean, self.std = (torch.tensor(list(each))[:, None, None] for each in (mean, std))
        self.wanted, self.found = False, dict[str, Any]()

    def begin(self, step: int) -> None:
        """A step begins: pictures of the first, tenth, hundredth one and so on are enough."""
        self.wanted, self.found = set(str(step)[1:]) <= {"0"} and str(step)[0] == "1", {}

    @contextlib.contextmanager
    def forward(self) -> Generator[None]:
        """Keep the images that the network is called with within."""
        self.found = {}
        handle = self.module.register_forward_pre_hook(self._see) if self.wanted else None
        try:
            yield
        finally:
            if handle is not None:
                handle.remove()

    def backward(self, scale: torch.Tensor) -> None:
        """Nothing is wanted of the gradients."""

    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """No values, and ``inputs``: uint8 ``[n, h, w, channels]``."""
        found, self.found = self.found, {}
        return {}, found

    @torch.no_grad()
    def _see(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        images = first_tensor(inputs)  # a task of the user's own may call the network as it likes
        if not self.found and images is not None and images.ndim == 4 and images.shape[1] == len(self.mean):
            images = images[:MOST_IMAGES].detach().float()
            shown = images * self.std.to(images.device) + self.mean.to(images.device)
            self.found = {"inputs": shown.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)}
