"""What layers make of single images, as pictures."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sightline.diagnosis.probes import first_tensor

MOST_CHANNELS = 64
_SIDE, _GAP = 48, 2


@torch.inference_mode()
def maps_of(
    module: nn.Module, layers: Mapping[str, nn.Module], images: torch.Tensor
) -> list[dict[str, NDArray[np.float32]]]:
    """The feature maps of each image in evaluation mode, by layer: ``[channels, h, w]``.

    Tokens of a transformer that stand for the places of a square are laid out as one; layers whose output has no
    places are left out.

    Args:
        module: the network, which is left in evaluation mode.
        layers: by their names.
        images: as the network takes them, ``[n, channels, h, w]``.
    """
    found: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def see(_layer: nn.Module, _inputs: Any, output: Any) -> None:
            values = first_tensor(output)
            laid_out = None if values is None else _laid_out(values)
            if laid_out is not None and name not in found:
                found[name] = laid_out.float().cpu()

        return see

    handles = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    try:
        module.eval()(images)
    finally:
        for handle in handles:
            handle.remove()
    return [{name: maps[place].numpy() for name, maps in found.items()} for place in range(len(images))]


def _laid_out(values: torch.Tensor) -> torch.Tensor | None:
    """``[n, channels, h, w]`` of more than one place; ``None``: it is no map."""
    if values.ndim == 4:
        return values if values.shape[2] * values.shape[3] > 1 else None
    if values.ndim != 3:
        return None
    side = math.isqrt(values.shape[1])
    if side < 2 or values.shape[1] - side * side > 8:  # a few tokens before those of the places
        return None
    places = values[:, values.shape[1] - side * side :]
    return places.transpose(1, 2).unflatten(2, (side, side))


def drawn(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Feature maps ``[channels, h, w]`` side by side as one gray picture ``[height, width]``.

    Each channel goes from black at its lowest to white at its highest value; one that is the same everywhere is black.
    At most ``MOST_CHANNELS`` are drawn, the first ones.
    """
    shown = np.nan_to_num(maps[:MOST_CHANNELS].astype(np.float32), posinf=0.0, neginf=0.0)
    count, height, width = shown.shape
    low = shown.min(axis=(1, 2), keepdims=True)
    span = shown.max(axis=(1, 2), keepdims=True) - low
    gray = np.round(255 * (shown - low) / np.where(span > 0, span, 1)).astype(np.uint8)
    factor = max(1, _SIDE // max(height, width))
    large = gray.repeat(factor, axis=1).repeat(factor, axis=2)
    across = math.ceil(math.sqrt(count))
    high, wide = height * factor + _GAP, width * factor + _GAP
    whole = np.full((-(-count // across) * high - _GAP, across * wide - _GAP), 128, np.uint8)
    for place, one in enumerate(large):
        top, left = (place // across) * high, (place % across) * wide
        whole[top : top + high - _GAP, left : left + wide - _GAP] = one
    return whole
