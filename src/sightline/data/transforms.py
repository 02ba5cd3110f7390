"""Augmentation: what the training part goes through in place of the contract's fixed resizing.

Each transform takes an upright image and a seed and gives what the model sees: uint8 ``[height, width, channels]``. It
is a pure function of both, so that the same run sees the same pixels with any number of workers.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import v2

from sightline.config_steps import Step, steps_of
from sightline.data.augment.own import own_augment
from sightline.data.augment.pipeline import compose, fitted, preset_steps
from sightline.data.augment.policies import MODES, as_array, as_picture, seeded
from sightline.data.config import DataConfig
from sightline.data.contract import Contract
from sightline.data.image import to_color

Transform = Callable[[Any, int], NDArray[np.uint8]]
"""(Pillow image or uint8 array, seed) -> uint8 ``[height, width, channels]``."""


def no_augment(contract: Contract, flip: bool) -> Transform:
    """The contract's own preprocessing, mirrored half of the time where ``flip`` is set."""
    mirror = seeded(v2.RandomHorizontalFlip()) if flip else None

    def transform(image: Any, seed: int) -> NDArray[np.uint8]:
        pixels = contract.pixels(image)
        return pixels if mirror is None else as_array(mirror(as_picture(pixels), seed))

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
        moved = as_picture(padded).transform(
            (width, height), Image.Transform.AFFINE, (cos, sin, from_x, -sin, cos, from_y), Image.Resampling.BILINEAR
        )
        return as_array(moved)[:, ::-1] if flip and random.random() < 0.5 else as_array(moved)

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
    crop = seeded(v2.Compose(steps))

    def transform(image: Any, seed: int) -> NDArray[np.uint8]:
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        return as_array(crop(to_color(picture, contract.color), seed))

    return transform


def _by_steps(name: str) -> Callable[[Contract, bool], Transform]:
    return lambda contract, flip: compose(preset_steps(name, contract, flip), contract)


AUGMENTS: dict[str, Callable[[Contract, bool], Transform]] = {
    "none": no_augment,
    "light": light_augment,
    "standard": standard_augment,
    "strong": _by_steps("strong"),
    "medical": _by_steps("medical"),
    "document": _by_steps("document"),
    "randaugment": _by_steps("randaugment"),
    "trivialaugment": _by_steps("trivialaugment"),
    "augmix": _by_steps("augmix"),
}
"""The presets, each made from (contract, whether to mirror)."""


def make_transform(data: DataConfig, contract: Contract) -> Transform:
    """The augmentation that the settings name: a preset, a list of steps, or the user's own.

    Raises:
        ConfigError: a step does nothing to gray images.
        PlugError: the user's own cannot be found or does not give what the model sees.
    """
    if isinstance(data.augment, list):
        return compose(fitted(steps_of(data.augment), contract), contract)
    if data.augment not in AUGMENTS:
        return own_augment(data.augment, contract)
    return AUGMENTS[data.augment](contract, data.flip == "yes")


def active_steps(data: DataConfig, contract: Contract) -> list[Step]:
    """What ``make_transform`` does, step by step; nothing where it is the user's own."""
    if isinstance(data.augment, list):
        return fitted(steps_of(data.augment), contract)
    return preset_steps(data.augment, contract, data.flip == "yes") if data.augment in AUGMENTS else []


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The contract as a transform: the seed changes nothing."""

    contract: Contract

    def __call__(self, image: Any, seed: int) -> NDArray[np.uint8]:
        """What the model sees of this image."""
        del seed
        return self.contract.pixels(image)
