"""Steps that change the colors of all pixels alike; brightness and contrast by one table of 256 values."""

import numpy as np

from sightline.data.augment.config import BrightnessContrast, ColorJitter, Grayscale
from sightline.data.augment.geometry import Pixels, with_channels
from sightline.data.augment.opencv import cv2
from sightline.data.contract import Contract

_LEVELS = np.arange(256, dtype=np.float64)


def color_jitter(pixels: Pixels, options: ColorJitter, random: np.random.Generator, contract: Contract) -> Pixels:
    """Factors drawn evenly, always in the order brightness, contrast, saturation, hue."""
    bright, contrast, saturation = (
        1 + random.uniform(-spread, spread) for spread in (options.brightness, options.contrast, options.saturation)
    )
    turn = random.uniform(-options.hue, options.hue)
    levels = np.clip(_LEVELS * bright, 0, 255)
    gray = pixels if contract.channels == 1 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    middle = float(np.mean(levels[gray]))
    seen = _looked_up(pixels, middle + (levels - middle) * contrast)
    if contract.channels == 1:
        return seen
    if options.saturation:
        colorless = cv2.cvtColor(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        seen = cv2.addWeighted(seen, saturation, colorless, 1 - saturation, 0)
    if options.hue:
        circle = cv2.cvtColor(seen, cv2.COLOR_RGB2HSV_FULL)
        circle[:, :, 0] += np.uint8(round(turn * 256) % 256)  # the circle has 256 places, so it closes by itself
        seen = cv2.cvtColor(circle, cv2.COLOR_HSV2RGB_FULL)
    return np.asarray(seen, np.uint8)


def grayscale(pixels: Pixels, _: Grayscale, __: np.random.Generator, contract: Contract) -> Pixels:
    """The gray of an image in every channel."""
    if contract.channels == 1:
        return pixels
    return np.asarray(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def brightness_contrast(
    pixels: Pixels, options: BrightnessContrast, random: np.random.Generator, _: Contract
) -> Pixels:
    """Offset and factor drawn evenly; middle gray moves by the offset alone."""
    offset = 255 * random.uniform(-options.brightness, options.brightness)
    factor = 1 + random.uniform(-options.contrast, options.contrast)
    return _looked_up(pixels, (_LEVELS - 127.5) * factor + 127.5 + offset)


def _looked_up(pixels: Pixels, levels: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Pixels:
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return with_channels(np.asarray(cv2.LUT(pixels, table), np.uint8))
