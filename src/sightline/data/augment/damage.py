"""Steps that take something away: noise, blur, a rectangle painted over."""

import math

import numpy as np
import torch

from sightline.data.augment.config import Blur, Erasing, Noise
from sightline.data.augment.geometry import Pixels, with_channels
from sightline.data.augment.opencv import cv2
from sightline.data.contract import Contract

_TRIES = 10
_NORMAL = torch.special.ndtri((torch.arange(65536, dtype=torch.float64) + 0.5) / 65536).numpy()
"""Quantiles of the normal distribution: looked up, a pixel costs a quarter of what drawing it costs."""


def noise(pixels: Pixels, options: Noise, random: np.random.Generator, _: Contract) -> Pixels:
    """Independent of pixel to pixel and of channel to channel."""
    spread = 255 * random.uniform(*options.sigma)
    steps = np.rint(_NORMAL * spread).astype(np.int16)
    drawn = steps[random.integers(0, len(steps), pixels.shape, np.uint16)]
    return with_channels(np.asarray(cv2.add(pixels, drawn, dtype=cv2.CV_8U), np.uint8))


def blur(pixels: Pixels, options: Blur, random: np.random.Generator, _: Contract) -> Pixels:
    """The border is reflected, so that it does not darken."""
    spread = random.uniform(*options.sigma)
    return with_channels(
        np.asarray(cv2.GaussianBlur(pixels, (0, 0), spread, borderType=cv2.BORDER_REFLECT_101), np.uint8)
    )


def erasing(pixels: Pixels, options: Erasing, random: np.random.Generator, contract: Contract) -> Pixels:
    """A rectangle that lies wholly inside; unchanged where none of the drawn shapes fits."""
    height, width = pixels.shape[:2]
    for _ in range(_TRIES):
        area = height * width * random.uniform(*options.area)
        shape = math.exp(random.uniform(math.log(options.ratio[0]), math.log(options.ratio[1])))
        wide, high = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < wide <= width and 0 < high <= height:
            top, left = random.integers(0, height - high + 1), random.integers(0, width - wide + 1)
            changed = pixels.copy()
            piece = (high, wide, pixels.shape[2])
            changed[top : top + high, left : left + wide] = _paint(options.fill, piece, random, contract)
            return changed
    return pixels


def _paint(fill: str, shape: tuple[int, int, int], random: np.random.Generator, contract: Contract) -> Pixels:
    if fill == "noise":
        return random.integers(0, 256, shape, np.uint8)
    return np.array(color_of(fill, contract), np.uint8)


def color_of(fill: str, contract: Contract) -> list[int]:
    """Value of each channel for ``mean``, ``black`` or ``white``."""
    if fill == "mean":
        return [min(255, max(0, round(255 * value))) for value in contract.mean]
    return [0 if fill == "black" else 255] * contract.channels
