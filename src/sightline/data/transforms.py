"""Augmentation: what the training part goes through in place of the contract's fixed resizing.

Each transform takes an upright image and a seed and gives what the model sees: uint8 ``[height, width, channels]``. It
is a pure function of both, so that the same run sees the same pixels with any number of workers.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from sightline.data.contract import Contract
from sightline.data.image import to_color

Transform = Callable[[Any, int], NDArray[np.uint8]]
"""(Pillow image or uint8 array, seed) -> uint8 ``[height, width, channels]``."""

MODES = {
    "nearest": InterpolationMode.NEAREST,
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
    "lanczos": InterpolationMode.LANCZOS,
}
"""The contract's filters as torchvision calls them."""


def no_augment(contract: Contract, flip: bool) -> Transform:
    """The contract's own preprocessing, mirrored half of the time where ``flip`` is set."""
    mirror = _seeded(v2.RandomHorizontalFlip()) if flip else None

    def transform(image: Any, seed: int) -> NDArray[np.uint8]:
        pixels = contract.pixels(image)
        return pixels if mirror is None else _array(mirror(_picture(pixels), seed))

    return transform


def light_augment(contract: Contract, flip: bool) -> Transform:
    """Shifts by up to a tenth of the side, turns by up to 10 degrees, sizes within 10 %: small pictures used whole."""
    height, width = contract.height, contract.width
    edge = (max(1, height // 4), max(1, width // 4))  # what comes in from outside repeats the border

    def transform(image: Any, seed: int) -> NDArray[np.uint8]:
        random = np.random.Generator(np.random.Philox(key=[seed, 0]))
        turn, scale = math.radians(random.uniform(-10, 10)), 1 + random.uniform(-0.1, 0.1)
        down, right = random.uniform(-0.1, 0.1) * height, random.uniform(-0.1, 0.1) * width
        padded = np.pad(contract.pixels(image), ((edge[0], edge[0]), (edge[1], edge[1]), (0, 0)), mode="edge")
        # Pillow asks where each output pixel comes from: turned and scaled about the center, then moved.
        cos, sin = math.cos(turn) / scale, math.sin(turn) / scale
        from_x = edge[1] + width / 2 + right - cos * width / 2 - sin * height / 2
        from_y = edge[0] + height / 2 + down + sin * width / 2 - cos * height / 2
        moved = _picture(padded).transform(
            (width, height), Image.Transform.AFFINE, (cos, sin, from_x, -sin, cos, from_y), Image.Resampling.BILINEAR
        )
        return _array(moved)[:, ::-1] if flip and random.random() < 0.5 else _array(moved)

    return transform


def standard_augment(contract: Contract, flip: bool) -> Transform:
    """Random crops of 25-100 % of the area (Szegedy et al. 2015), mirror images, brightness, contrast, saturation."""
    steps: list[Callable[..., Any]] = [
        v2.RandomResizedCrop(
            (contract.height, contract.width),
            scale=(0.25, 1.0),
            interpolation=MODES[contract.interpolation],
            antialias=True,
        ),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2 if contract.color == "rgb" else None),
    ]
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    crop = _seeded(v2.Compose(steps))

    def transform(image: Any, seed: int) -> NDArray[np.uint8]:
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        return _array(crop(to_color(picture, contract.color), seed))

    return transform


AUGMENTS: dict[str, Callable[[Contract, bool], Transform]] = {
    "none": no_augment,
    "light": light_augment,
    "standard": standard_augment,
}
"""The presets, each made from (contract, whether to mirror)."""


def _seeded(step: Callable[..., Any]) -> Callable[[Any, int], Any]:
    """torchvision draws from torch's global generator: seed it for this picture and put it back afterwards."""

    def apply(image: Any, seed: int) -> Any:
        state = torch.get_rng_state()
        torch.default_generator.manual_seed(seed)
        try:
            return step(image)
        finally:
            torch.set_rng_state(state)

    return apply


def _array(image: Image.Image) -> NDArray[np.uint8]:
    array = np.asarray(image)
    return array[:, :, None] if array.ndim == 2 else array


def _picture(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The contract as a transform: the seed changes nothing."""

    contract: Contract

    def __call__(self, image: Any, seed: int) -> NDArray[np.uint8]:
        """What the model sees of this image."""
        del seed
        return self.contract.pixels(image)
