"""A perceptual signature: the 63 slowest waves of a picture, in a byte each.

The gray picture, squeezed to a small square, is written as a sum of cosines (a discrete cosine transform) of which the
8 x 8 slowest are kept without the mean. What survives new compression, another size or another brightness lies in
them. Unlike a hash of bits they still say what the signature of the mirrored or slightly cropped picture would be, so
a search can ask for those without decoding anything. The use of the signs of such waves as a hash follows
C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
"""

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import to_color

WAVES = 8
"""Waves kept along each axis, the constant one included."""
SIGNATURE = np.dtype([("waves", np.int8, (WAVES * WAVES - 1,))])
"""Amplitudes of the waves, row by row (vertical number first) without the constant, on a square-root scale."""

_GRID = 32
"""Side of the square that a picture is squeezed to first."""
_SCALE = 11.0
"""Steps of the byte per square root of a gray level: the largest amplitude there can be, that of half a black and half
a white picture, is 115 gray levels and becomes 118."""
_LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)
_DIRECT = ("L", "RGB")
_CHUNK = 4096


def signature_of(image: Image.Image) -> np.void:
    """Signature of an upright decoded picture, as a scalar of ``SIGNATURE``.

    Raises:
        ImageError: its pixels have no agreed range.
    """
    if image.mode not in _DIRECT or image.has_transparency_data:
        image = to_color(image, "rgb")
    small = image.resize((_GRID, _GRID), Image.Resampling.BOX, reducing_gap=2.0)
    square = np.asarray(small.convert("L"), np.float32)
    row = np.zeros(1, SIGNATURE)
    row["waves"] = _bytes_of(square[None], _basis(_GRID), _basis(_GRID))
    return row[0]


def signatures_of(pixels: NDArray[np.uint8]) -> NDArray[np.void]:
    """Signatures of uint8 pictures ``[n, h, w]`` or ``[n, h, w, 3]``, as ``[n]`` of ``SIGNATURE``."""
    rows = np.zeros(len(pixels), SIGNATURE)
    upright, across = (_basis(side) for side in pixels.shape[1:3])
    for start in range(0, len(pixels), _CHUNK):
        part = pixels[start : start + _CHUNK].astype(np.float32)
        rows["waves"][start : start + _CHUNK] = _bytes_of(part @ _LUMA if part.ndim == 4 else part, upright, across)
    return rows


def amplitudes(signatures: NDArray[np.void]) -> NDArray[np.float32]:
    """Amplitudes in gray levels ``[n, 8, 8]`` (vertical, horizontal); the constant one is not known and zero."""
    steps = signatures["waves"].astype(np.float32) / _SCALE
    full = np.zeros((len(steps), WAVES * WAVES), np.float32)
    full[:, 1:] = np.sign(steps) * steps**2
    return full.reshape(-1, WAVES, WAVES)


def contrast(signatures: NDArray[np.void]) -> NDArray[np.float32]:
    """Standard deviation in gray levels of what the waves show of each picture, ``[n]``."""
    return np.sqrt((amplitudes(signatures) ** 2).sum(axis=(1, 2)))


def cropped(amplitude: NDArray[np.float32], box: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Amplitudes after a crop.

    Args:
        amplitude: ``[n, 8, 8]``.
        box: left, top, right and bottom of what is kept, as shares of the sides.
    """
    left, top, right, bottom = box
    return _window(top, bottom) @ amplitude @ _window(left, right).T


def mirrored(amplitude: NDArray[np.float32]) -> NDArray[np.float32]:
    """Amplitudes ``[n, 8, 8]`` of the picture with left and right exchanged."""
    return amplitude * np.where(np.arange(WAVES) % 2, -1, 1).astype(np.float32)


def _bytes_of(gray: NDArray[Any], upright: NDArray[np.float32], across: NDArray[np.float32]) -> NDArray[np.int8]:
    """Bytes ``[n, 63]`` of gray pictures ``[n, h, w]``, given the waves along both axes."""
    found = (upright @ gray @ across.T).reshape(len(gray), -1)[:, 1:]
    return np.rint(np.sign(found) * np.sqrt(np.abs(found)) * _SCALE).astype(np.int8)


@functools.cache
def _basis(side: int) -> NDArray[Any]:
    """The waves over the pixels of one side, ``[8, side]``; an amplitude is in gray levels whatever the side."""
    edges = np.arange(side + 1) / side
    if side <= WAVES:  # too few pixels for the fastest waves: those are nothing
        return _waves((edges[1:] + edges[:-1]) / 2) / side * (np.arange(WAVES) < side)[:, None]
    return _waves((edges[1:] + edges[:-1]) / 2) / side


@functools.cache
def _window(start: float, stop: float) -> NDArray[Any]:
    """What a crop along one axis makes of the amplitudes, ``[8, 8]``."""
    places = (np.arange(256) + 0.5) / 256
    return (_waves(places) / len(places) @ _waves(start + (stop - start) * places).T).astype(np.float32)


def _waves(places: NDArray[np.float64]) -> NDArray[Any]:
    """Values of the waves at places between 0 and 1, ``[8, n]``; each has a mean square of 1."""
    number = np.arange(WAVES)[:, None]
    return (np.where(number, math.sqrt(2), 1) * np.cos(math.pi * number * places)).astype(np.float32)
