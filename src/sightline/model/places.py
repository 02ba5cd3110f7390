"""The last features of a network that still have places: what heat maps are made of."""

import dataclasses
from typing import Any

import torch
from torch import nn

from sightline.errors import ModelError


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """The layer whose output is looked at."""

    name: str
    """Its path in the network."""
    layer: nn.Module
    tokens: tuple[int, int] | None
    """Of a transformer: rows and columns of the patches, the last of its tokens; ``None``: places are as they are."""
    channels_last: bool = False
    """Whether the output is ``[n, rows, columns, channels]``."""

    def as_picture(self, features: torch.Tensor) -> torch.Tensor:
        """Features of the layer as ``[n, channels, rows, columns]``."""
        if self.tokens is not None:
            rows, columns = self.tokens
            patches = features[:, -rows * columns :]
            return patches.reshape(len(features), rows, columns, -1).permute(0, 3, 1, 2)
        return features.permute(0, 3, 1, 2) if self.channels_last else features


def place_of(module: nn.Module, example: torch.Tensor) -> Place:
    """The last layer with features of several places that the answer depends on everywhere.

    Args:
        module: the network.
        example: an image as it takes them, ``[1, channels, h, w]``.

    Raises:
        ModelError: no layer has any, as in a network that flattens its input.
    """
    seen: list[tuple[str, nn.Module, torch.Tensor]] = []
    hooks = [
        layer.register_forward_hook(lambda layer, _, out, name=name: _remember(seen, name, layer, out))
        for name, layer in module.named_modules()
        if name and not any(layer.children())
    ]
    was = module.training
    try:
        module.eval()
        with torch.enable_grad():
            module(example.detach().clone().requires_grad_()).sum().backward()
    finally:
        for hook in hooks:
            hook.remove()
        module.train(was)
        for parameter in module.parameters():
            parameter.grad = None
    channels_last = _is_channels_last(seen)
    # What has another form is inside an attention: heads, tokens and their channels look like a picture too.
    last = [one for one in seen if one[2].dim() == seen[-1][2].dim()]
    for name, layer, features in reversed(last):
        tokens = _grid(features, example)
        if features.dim() == 4:
            rows, columns = features.shape[1:3] if channels_last else features.shape[2:]
            fits = rows * columns > 1
        else:
            fits = tokens is not None
        place = Place(name, layer, tokens, channels_last and features.dim() == 4)
        if fits and features.grad is not None and _everywhere(place.as_picture(features.grad)):
            return place
    raise ModelError(
        "no layer of this network has features of several places", where="heat maps",
        hint="such maps need a convolutional network or a transformer of patches",
    )  # fmt: skip


def _remember(seen: list[tuple[str, nn.Module, torch.Tensor]], name: str, layer: nn.Module, out: Any) -> None:
    if isinstance(out, torch.Tensor) and out.dim() in (3, 4) and out.requires_grad:
        out.retain_grad()
        seen.append((name, layer, out))


def _is_channels_last(seen: list[tuple[str, nn.Module, torch.Tensor]]) -> bool:
    """Whether the last features with four dimensions are a LayerNorm's or a Linear's, which work on the last one."""
    last = next((layer for _, layer, features in reversed(seen) if features.dim() == 4), None)
    return isinstance(last, nn.LayerNorm | nn.Linear) and "2d" not in type(last).__name__.lower()


def _grid(features: torch.Tensor, example: torch.Tensor) -> tuple[int, int] | None:
    """Rows and columns of the patches among the tokens: as many as fit, in the image's proportions."""
    if features.dim() != 3:
        return None
    height, width = example.shape[2:]
    for rows in range(int(features.shape[1] ** 0.5 * (height / width) ** 0.5 + 1e-6), 1, -1):
        columns = rows * width // height
        prefix = features.shape[1] - rows * columns
        if columns > 1 and 0 <= prefix <= 8:  # a class token, a distillation token, registers
            return rows, columns
    return None


def _everywhere(gradient: torch.Tensor) -> bool:
    """Whether more than a single place matters to the answer; after the last attention only the class token does."""
    return bool((gradient.abs().sum(dim=1) > 0).float().mean() > 0.5)
