"""A heat map laid over its image."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sightline.evaluation.grid import GAP, INK, LINE, PAPER, legible

_SIDE = 256
"""Pixels of the longer side of an image in a picture, at least."""
_MOST = 0.65
"""How much of the color of the hottest place is the map's."""
_COLORS = np.array([(24, 20, 90), (120, 28, 140), (220, 50, 90), (250, 140, 40), (250, 240, 110)], np.float32)
"""From cold to hot; the lightness rises from one to the next, so that prints without color are right too."""


def overlaid(pixels: NDArray[np.uint8], heat: NDArray[np.float32]) -> Image.Image:
    """An image with its map over it, each pixel at least as large as it was.

    Args:
        pixels: ``[h, w, 1 or 3]``.
        heat: ``[h, w]`` from 0 to 1.
    """
    image = np.broadcast_to(pixels, (*heat.shape, 3)).astype(np.float32)
    share = _MOST * heat[:, :, None]
    mixed = image * (1 - share) + _colors(heat) * share
    return _enlarged(Image.fromarray(mixed.round().astype(np.uint8)), smooth=True)


def beside(pixels: NDArray[np.uint8], heat: NDArray[np.float32], words: str) -> Image.Image:
    """The image, beside it the same with its map, and words below.

    Args:
        pixels: ``[h, w, 1 or 3]``.
        heat: ``[h, w]`` from 0 to 1.
        words: one line; its end is left out where it does not fit.
    """
    plain = Image.fromarray(np.ascontiguousarray(np.broadcast_to(pixels, (*heat.shape, 3))))
    left, right = _enlarged(plain, smooth=False), overlaid(pixels, heat)
    sheet = Image.new("RGB", (left.width + right.width + 3 * GAP, left.height + LINE + 3 * GAP), PAPER)
    sheet.paste(left, (GAP, GAP))
    sheet.paste(right, (left.width + 2 * GAP, GAP))
    draw, (shown, font) = ImageDraw.Draw(sheet), legible(words)
    while shown and draw.textlength(shown, font) > sheet.width - 2 * GAP:
        shown = f"{shown.rstrip('…')[:-1]}…"
    draw.text((GAP, left.height + 2 * GAP), shown, INK, font)
    return sheet


def _colors(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    places = np.clip(heat, 0, 1) * (len(_COLORS) - 1)
    below = np.minimum(places.astype(np.int64), len(_COLORS) - 2)
    part = (places - below).astype(np.float32)[:, :, None]
    return (_COLORS[below] * (1 - part) + _COLORS[below + 1] * part).astype(np.float32)


def _enlarged(image: Image.Image, *, smooth: bool) -> Image.Image:
    times = max(1, -(-_SIDE // max(image.size)))
    size = (image.width * times, image.height * times)
    return image.resize(size, Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST)
