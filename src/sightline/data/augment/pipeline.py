"""Steps by name, one after the other: a pure function of image and seed."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.config_steps import Step, steps_of
from sightline.data.augment import colors, damage, geometry, policies
from sightline.data.augment.config import PRESETS
from sightline.data.contract import Contract
from sightline.data.derive import SMALL
from sightline.data.image import as_image, to_color
from sightline.errors import ConfigError

STREAM = 1
"""Second half of the key that draws come from; the first is the seed of the image."""
Apply = Callable[[Any, Any, np.random.Generator, Contract], NDArray[np.uint8]]

WHOLE: dict[str, Apply] = {"random_resized_crop": geometry.random_resized_crop}
"""Steps that take the whole image and stand in the place of the contract's resizing."""

APPLY: dict[str, Apply] = {
    "pad_crop": geometry.pad_crop,
    "rotation": geometry.rotation,
    "affine": geometry.affine,
    "rotation90": geometry.rotation90,
    "hflip": geometry.hflip,
    "vflip": geometry.vflip,
    "color_jitter": colors.color_jitter,
    "grayscale": colors.grayscale,
    "brightness_contrast": colors.brightness_contrast,
    "noise": damage.noise,
    "blur": damage.blur,
    "erasing": damage.erasing,
    "randaugment": policies.policy,
    "trivialaugment": policies.policy,
    "augmix": policies.policy,
}
"""Steps that take what the model sees and give it back in the same size."""


class Pipeline:
    """The steps in order, after the contract's resizing or the cut that stands in its place.

    A pure function of image and seed: draws come from stream ``STREAM`` of the seed.
    """

    def __init__(self, steps: Sequence[Step], contract: Contract):
        self.contract = contract
        self.cut = steps[0] if steps and steps[0].name in WHOLE else None
        self._rest = [(APPLY[step.name], step.options) for step in steps[1 if self.cut else 0 :]]

    def __call__(self, image: Any, seed: int) -> NDArray[np.uint8]:
        """From an upright image, a Pillow one or an array, to what the model sees."""
        random = _random(seed)
        if self.cut is None or random.random() >= self.cut.options.p:
            return self._varied(self.contract.pixels(image), random)
        picture = image if isinstance(image, Image.Image) else as_image(image)
        whole = to_color(picture, self.contract.color)
        return self._varied(WHOLE[self.cut.name](whole, self.cut.options, random, self.contract), random)

    def of_frame(self, frame: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """The same from what the contract made of the image; only where nothing is cut out of the whole image."""
        assert self.cut is None
        return self._varied(frame, _random(seed))

    def _varied(self, pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        for apply, options in self._rest:
            if random.random() < options.p:
                pixels = apply(pixels, options, random, self.contract)
        return np.ascontiguousarray(pixels)


def _random(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, STREAM]))


def preset_steps(name: str, contract: Contract, flip: bool) -> list[Step]:
    """What a preset does with images of this size and color.

    Small images are shifted in place of cutting a piece out of them, because everything in them counts; only standard
    cuts as it was told.
    """
    items = list(PRESETS[name])
    small = max(contract.height, contract.width) < SMALL
    if small and name != "standard" and items and "random_resized_crop" in items[0]:
        items[0] = "pad_crop"
    if flip:
        items.insert(min(1, len(items)), "hflip")
    return fitted(steps_of(items), contract, strict=False)


def fitted(steps: Sequence[Step], contract: Contract, *, strict: bool = True) -> list[Step]:
    """The steps without what does nothing to images of this color.

    Args:
        steps: the steps, in order.
        contract: says whether the images are gray.
        strict: refuse what does nothing; otherwise leave it out.

    Raises:
        ConfigError: a step or an option was written out that does nothing to gray images.
    """
    if contract.color == "rgb":
        return list(steps)
    kept: list[Step] = []
    for place, step in enumerate(steps):
        where = f"data.augment[{place}]"
        if step.name == "color_jitter":
            useless = sorted(step.given & {"saturation", "hue"})
            if strict and useless:
                raise _useless(f"{where}.{step.name}.{useless[0]}", "remove it")
            kept.append(dataclasses.replace(step, options=dataclasses.replace(step.options, saturation=0.0, hue=0.0)))
        elif step.name != "grayscale":
            kept.append(step)
        elif strict:
            raise _useless(f"{where}, {step.name},", "remove the step")
    return kept


def in_short(step: Step) -> tuple[str, str]:
    """The name of a step, and its options on one line without what it leaves alone."""
    told: list[str] = []
    for field in dataclasses.fields(step.options):
        value = getattr(step.options, field.name)
        if value == 0 or (field.name == "p" and value == 1):
            continue
        ends = dict.fromkeys(f"{end:g}" for end in value) if isinstance(value, tuple) else [str(value)]
        text = " to ".join(ends)
        told.append(f"{field.name} {text.removesuffix('.0')}")
    return step.name, ", ".join(told)


def _useless(what: str, remedy: str) -> ConfigError:
    hint = f"{remedy}, or give the model color with data.color=rgb"
    return ConfigError(f"{what} has no effect: the images are gray", where="data.augment", hint=hint)
