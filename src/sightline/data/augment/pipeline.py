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
from sightline.data.image import to_color
from sightline.errors import ConfigError

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


def compose(steps: Sequence[Step], contract: Contract) -> Callable[[Any, int], NDArray[np.uint8]]:
    """The steps in order, after the contract's resizing or the cut that stands in its place."""
    cut = steps[0] if steps and steps[0].name in WHOLE else None
    rest = [(APPLY[step.name], step.options) for step in steps[1 if cut else 0 :]]

    def transform(image: Any, seed: int) -> NDArray[np.uint8]:
        random = np.random.Generator(np.random.Philox(key=[seed, 1]))
        if cut is None or random.random() >= cut.options.p:
            pixels = contract.pixels(image)
        else:
            picture = image if isinstance(image, Image.Image) else as_image(image)
            pixels = WHOLE[cut.name](to_color(picture, contract.color), cut.options, random, contract)
        for apply, options in rest:
            if random.random() < options.p:
                pixels = apply(pixels, options, random, contract)
        return np.ascontiguousarray(pixels)

    return transform


def as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """The picture of an array ``[h, w]``, ``[h, w, 1]`` or ``[h, w, 3]``."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels)


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
