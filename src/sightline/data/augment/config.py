"""Options of each augmentation step, and the presets as lists of steps."""

import dataclasses
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

Share = Annotated[float, Ge(0.0), Le(1.0)]
Chance = Annotated[float, Gt(0.0), Le(1.0)]
Angle = Annotated[float, Ge(0.0), Le(180.0)]
Area = Annotated[float, Gt(0.0), Le(1.0)]
Factor = Annotated[float, Gt(0.0), Le(10.0)]
Border = Literal["edge", "reflect", "black", "white"]
Fill = Literal["mean", "black", "white"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomResizedCrop:
    """A random piece of the whole image, resized to what the model sees (Szegedy et al. 2015). Only as first step."""

    scale: tuple[Area, Area] = (0.25, 1.0)
    """Share of the image's area that the piece covers: least and most."""
    ratio: tuple[Factor, Factor] = (0.75, 1.333)
    """Width over height of the piece: least and most."""
    p: Chance = 1.0
    """Probability; otherwise the image is resized as in evaluation."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PadCrop:
    """A border on every side, then a random piece of the old size: a shift."""

    share: Area = 0.125
    """Width of the border as a share of the side; one pixel at least."""
    border: Border = "edge"
    """What the border is filled with."""
    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotation:
    """A turn by a random angle about the center."""

    degrees: Annotated[float, Gt(0.0), Le(180.0)] = 10.0
    """Largest angle to either side."""
    border: Border = "edge"
    """What the corners are filled with."""
    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Affine:
    """Turn, size, shear and shift at once, so that the image is interpolated only once."""

    degrees: Angle = 10.0
    """Largest angle to either side."""
    scale: tuple[Factor, Factor] = (0.9, 1.1)
    """Factor of the size: least and most."""
    shear: Annotated[float, Ge(0.0), Le(60.0)] = 0.0
    """Largest horizontal slant to either side, in degrees."""
    shift: Share = 0.0
    """Largest shift in either direction, as a share of the side."""
    border: Border = "edge"
    """What lies outside of the image."""
    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotation90:
    """A turn by 0, 90, 180 or 270 degrees, each as likely; 0 or 180 where what the model sees is no square."""

    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hflip:
    """The mirror image, left to right."""

    p: Chance = 0.5
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vflip:
    """The image upside down, top to bottom."""

    p: Chance = 0.5
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColorJitter:
    """Brightness, then contrast, saturation and hue, each changed by a random factor."""

    brightness: Share = 0.2
    """The factor lies between 1 minus this and 1 plus this."""
    contrast: Share = 0.2
    """The same for the distance to the mean gray."""
    saturation: Share = 0.2
    """The same for the distance to the gray image; nothing in gray images."""
    hue: Annotated[float, Ge(0.0), Le(0.5)] = 0.0
    """Largest turn of the color circle to either side, as a share of it; nothing in gray images."""
    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grayscale:
    """The image without its colors."""

    p: Chance = 0.1
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BrightnessContrast:
    """An offset and a factor about middle gray, as other lamps, scanners and exposures give them."""

    brightness: Share = 0.2
    """Largest offset to either side, as a share of the range from black to white."""
    contrast: Share = 0.2
    """The factor lies between 1 minus this and 1 plus this."""
    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noise:
    """Gaussian noise, drawn for each pixel and channel."""

    sigma: tuple[Share, Share] = (0.0, 0.05)
    """Standard deviation as a share of the range from black to white: least and most."""
    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Blur:
    """A Gaussian blur."""

    sigma: tuple[Factor, Factor] = (0.1, 2.0)
    """Standard deviation in pixels of what the model sees: least and most."""
    p: Chance = 0.2
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Erasing:
    """A random rectangle is painted over (Zhong et al. 2017); with a ratio of 1 it is cutout (DeVries et al. 2017)."""

    area: tuple[Area, Area] = (0.02, 0.33)
    """Share of the image that the rectangle covers: least and most."""
    ratio: tuple[Factor, Factor] = (0.3, 3.3)
    """Width over height of the rectangle: least and most."""
    fill: Literal["mean", "black", "white", "noise"] = "mean"
    """What it is painted with; mean: what the model's input has as its middle."""
    p: Chance = 0.25
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandAugment:
    """Some of torchvision's 14 operations in a row, each of a fixed strength (Cubuk et al. 2019)."""

    ops: Annotated[int, Ge(1), Le(10)] = 2
    """How many operations."""
    magnitude: Annotated[int, Ge(0), Le(30)] = 9
    """Strength of each, of 30."""
    fill: Fill = "mean"
    """What lies outside of the image."""
    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrivialAugment:
    """One of torchvision's 14 operations, of any strength (Müller and Hutter 2021, wide ranges)."""

    fill: Fill = "mean"
    """What lies outside of the image."""
    p: Chance = 1.0
    """Probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugMix:
    """Several chains of operations, blended with the image (Hendrycks et al. 2019, without its consistency loss)."""

    severity: Annotated[int, Ge(1), Le(10)] = 3
    """Strength of the operations, of 10."""
    chains: Annotated[int, Ge(1), Le(10)] = 3
    """How many chains are blended."""
    fill: Fill = "mean"
    """What lies outside of the image."""
    p: Chance = 1.0
    """Probability."""


STEPS: dict[str, type[Any]] = {
    "random_resized_crop": RandomResizedCrop,
    "pad_crop": PadCrop,
    "rotation": Rotation,
    "affine": Affine,
    "rotation90": Rotation90,
    "hflip": Hflip,
    "vflip": Vflip,
    "color_jitter": ColorJitter,
    "grayscale": Grayscale,
    "brightness_contrast": BrightnessContrast,
    "noise": Noise,
    "blur": Blur,
    "erasing": Erasing,
    "randaugment": RandAugment,
    "trivialaugment": TrivialAugment,
    "augmix": AugMix,
}
"""The options of each step, by the step's name."""

PRESETS: dict[str, tuple[Any, ...]] = {
    "none": (),
    "light": ({"affine": {"degrees": 10, "scale": [0.9, 1.1], "shift": 0.1}},),
    "standard": ({"random_resized_crop": {"scale": [0.25, 1.0]}}, "color_jitter"),
    "strong": (
        {"random_resized_crop": {"scale": [0.1, 1.0]}},
        {"color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.05}},
        {"grayscale": {"p": 0.1}},
        {"blur": {"p": 0.1}},
        {"erasing": {"p": 0.25}},
    ),
    "medical": (
        {"affine": {"degrees": 10, "scale": [0.9, 1.1], "shift": 0.05}},
        {"brightness_contrast": {"brightness": 0.1, "contrast": 0.2}},
        {"blur": {"sigma": [0.1, 1.0], "p": 0.1}},
        {"noise": {"sigma": [0.0, 0.02], "p": 0.5}},
    ),
    "document": (
        {"affine": {"degrees": 3, "scale": [0.95, 1.05], "shear": 3, "shift": 0.02}},
        {"brightness_contrast": {"brightness": 0.15, "contrast": 0.3}},
        {"blur": {"sigma": [0.1, 1.0], "p": 0.3}},
        {"noise": {"sigma": [0.0, 0.05], "p": 0.5}},
    ),
    "randaugment": ("random_resized_crop", "randaugment"),
    "trivialaugment": ("random_resized_crop", "trivialaugment"),
    "augmix": ("random_resized_crop", "augmix"),
}
"""What each preset does, as it could be written in ``data.augment``."""

MIRRORED = ("standard", "strong", "randaugment", "trivialaugment", "augmix")
"""Presets for photos, which mirror their images where ``data.flip`` is left alone."""

MOTIONS = ("hflip", "vflip", "rotation90", "rotation180")
"""Keys of ``data.symmetric``."""
