"""Augmentation: what the training part goes through in place of the contract's fixed resizing.

Each transform takes an upright image and a seed and gives what the model sees: uint8 ``[height, width, channels]``. It
is a pure function of both, so that the same run sees the same pixels with any number of workers.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.config_steps import Step, steps_of
from sightline.data.augment.own import own_augment
from sightline.data.augment.pipeline import Pipeline, fitted, preset_steps
from sightline.data.config import DataConfig
from sightline.data.contract import Contract
from sightline.data.cropped import Crops

Transform = Callable[[Any, int], NDArray[np.uint8]]
"""(Pillow image or uint8 array, seed) -> uint8 ``[height, width, channels]``."""


def _by_steps(name: str) -> Callable[[Contract, bool], Transform]:
    return lambda contract, flip: Pipeline(preset_steps(name, contract, flip), contract)


AUGMENTS: dict[str, Callable[[Contract, bool], Transform]] = {
    "none": _by_steps("none"),
    "light": _by_steps("light"),
    "standard": lambda contract, flip: Crops(contract=contract, flip=flip),
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
        return Pipeline(fitted(steps_of(data.augment), contract), contract)
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
