"""The policies of the literature, as torchvision has them; it draws from torch's global generator."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from sightline.data.augment.config import AugMix, RandAugment, TrivialAugment
from sightline.data.augment.damage import color_of
from sightline.data.augment.geometry import Pixels
from sightline.data.contract import Contract
from sightline.data.image import as_image

MODES = {
    "nearest": InterpolationMode.NEAREST,
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
    "lanczos": InterpolationMode.LANCZOS,
}
"""The contract's filters as torchvision calls them."""


def policy(pixels: Pixels, options: Any, random: np.random.Generator, contract: Contract) -> Pixels:
    """The policy that these options belong to."""
    # torchvision turns pictures and tensors (in AugMix) by no other filters than these two.
    smooth = "nearest" if contract.interpolation == "nearest" else "bilinear"
    made = _made(options, MODES[smooth], tuple(color_of(options.fill, contract)))
    return as_array(seeded(made)(as_image(np.ascontiguousarray(pixels)), int(random.integers(0, 1 << 63))))


@functools.cache
def _made(options: Any, interpolation: InterpolationMode, fill: tuple[int, ...]) -> Callable[..., Any]:
    ways: dict[str, Any] = {"interpolation": interpolation, "fill": list(fill)}
    match options:
        case RandAugment():
            return v2.RandAugment(options.ops, options.magnitude, **ways)
        case TrivialAugment():
            return v2.TrivialAugmentWide(**ways)
        case AugMix():
            return v2.AugMix(severity=options.severity, mixture_width=options.chains, **ways)
        case _:
            raise TypeError(options)


def seeded(step: Callable[..., Any]) -> Callable[[Any, int], Any]:
    """torchvision draws from torch's global generator: seed it for this picture and put it back afterwards."""

    def apply(image: Any, seed: int) -> Any:
        state = torch.get_rng_state()
        torch.default_generator.manual_seed(seed)
        try:
            return step(image)
        finally:
            torch.set_rng_state(state)

    return apply


def as_array(image: Image.Image) -> NDArray[np.uint8]:
    """Pixels ``[height, width, channels]`` of a gray or RGB picture."""
    array = np.asarray(image)
    return array[:, :, None] if array.ndim == 2 else array
