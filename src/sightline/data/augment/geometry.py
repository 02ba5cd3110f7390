"""Steps that move pixels. Pixels are uint8 ``[height, width, channels]``, and every draw comes from ``random``."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.augment.config import Affine, Hflip, PadCrop, RandomResizedCrop, Rotation, Rotation90, Vflip
from sightline.data.augment.opencv import BORDERS, cv2
from sightline.data.contract import FILTERS, Contract

Pixels = NDArray[np.uint8]
AFFINE_DRAWS = 5
_PAINT = {"black": 0, "white": 255}
_MOST_ROWS = 32_000
"""OpenCV counts rows in 16 bits."""
_TRIES = 10


def random_resized_crop(
    image: Image.Image, options: RandomResizedCrop, random: np.random.Generator, contract: Contract
) -> Pixels:
    """A piece of random area and shape, resized by the contract's filter.

    Args:
        image: the whole image in the contract's color.
        options: ranges of area and shape.
        random: where draws come from.
        contract: size and filter.
    """
    width, height = image.size
    wide, high = _piece(width, height, options.scale, options.ratio, random)
    left, top = random.integers(0, width - wide + 1), random.integers(0, height - high + 1)
    box = (float(left), float(top), float(left + wide), float(top + high))
    resized = image.resize((contract.width, contract.height), FILTERS[contract.interpolation], box=box)
    return with_channels(np.asarray(resized))


def pad_crop(pixels: Pixels, options: PadCrop, random: np.random.Generator, _: Contract) -> Pixels:
    """Shift by up to ``share`` of the side in whole pixels."""
    height, width = pixels.shape[:2]
    down, right = max(1, int(height * options.share)), max(1, int(width * options.share))
    kind, paint = BORDERS[options.border], [_PAINT.get(options.border, 0)] * 3
    padded = with_channels(
        np.asarray(cv2.copyMakeBorder(pixels, down, down, right, right, kind, value=paint), np.uint8)
    )
    top, left = random.integers(0, 2 * down + 1), random.integers(0, 2 * right + 1)
    return padded[top : top + height, left : left + width]


def rotation(pixels: Pixels, options: Rotation, random: np.random.Generator, _: Contract) -> Pixels:
    """Turn by an angle drawn evenly."""
    angle, still = np.asarray([random.uniform(-options.degrees, options.degrees)]), np.zeros(1)
    maps = _maps(angle, still + 1, still, (still, still), pixels.shape[1], pixels.shape[0])
    return moved(pixels[None], maps, options.border)[0]


def affine(pixels: Pixels, options: Affine, random: np.random.Generator, _: Contract) -> Pixels:
    """Turn, slant and shift drawn evenly, size drawn so that half is as likely as double."""
    maps = affine_maps(options, random.random((1, AFFINE_DRAWS)), pixels.shape[1], pixels.shape[0])
    return moved(pixels[None], maps, options.border)[0]


def affine_maps(options: Affine, draws: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Where ``affine`` takes pixels from, for many images at once.

    Args:
        options: ranges.
        draws: numbers in [0, 1) ``[n, AFFINE_DRAWS]``.
        width: of the images.
        height: of the images.

    Returns:
        From a place in the result to that in the image, about the center ``[n, 2, 3]``.
    """
    turn, lean, size, right, down = draws.T
    least, most = (math.log(factor) for factor in options.scale)
    shift = (2 * right - 1) * options.shift, (2 * down - 1) * options.shift
    scale = np.exp(least + (most - least) * size)
    return _maps((2 * turn - 1) * options.degrees, scale, (2 * lean - 1) * options.shear, shift, width, height)


def rotation90(pixels: Pixels, _: Rotation90, random: np.random.Generator, __: Contract) -> Pixels:
    """Quarter turns; half turns only where the sides differ."""
    turns = int(random.integers(0, 4))
    square = pixels.shape[0] == pixels.shape[1]
    return np.rot90(pixels, turns if square else turns // 2 * 2)


def hflip(pixels: Pixels, _: Hflip, __: np.random.Generator, ___: Contract) -> Pixels:
    """Left becomes right."""
    return pixels[:, ::-1]


def vflip(pixels: Pixels, _: Vflip, __: np.random.Generator, ___: Contract) -> Pixels:
    """Top becomes bottom."""
    return pixels[::-1]


def with_channels(pixels: Pixels) -> Pixels:
    """``[height, width, channels]``, where a library dropped the only channel."""
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _piece(
    width: int, height: int, scale: tuple[float, float], ratio: tuple[float, float], random: np.random.Generator
) -> tuple[int, int]:
    """Width and height of a piece that fits; after some tries the largest one of an allowed shape."""
    for _ in range(_TRIES):
        area = width * height * random.uniform(*scale)
        shape = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        wide, high = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < wide <= width and 0 < high <= height:
            return wide, high
    shape = min(max(width / height, ratio[0]), ratio[1])
    return max(1, min(width, round(height * shape))), max(1, min(height, round(width / shape)))


def _maps(
    angle: NDArray[np.float64],
    scale: NDArray[np.float64],
    slant: NDArray[np.float64],
    shift: tuple[NDArray[np.float64], NDArray[np.float64]],
    width: int,
    height: int,
) -> NDArray[np.float64]:
    """The way back from slant, then turn and size about the center, then shift: ``[n, 2, 3]``."""
    turn, lean = np.radians(angle), np.tan(np.radians(slant))
    sine, cosine = np.sin(turn), np.cos(turn)
    maps = np.empty((len(angle), 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = (cosine + lean * sine) / scale, (sine - lean * cosine) / scale
    maps[:, 1, 0], maps[:, 1, 1] = -sine / scale, cosine / scale
    x, y = (width - 1) / 2, (height - 1) / 2
    from_x, from_y = x + shift[0] * width, y + shift[1] * height
    maps[:, 0, 2] = x - maps[:, 0, 0] * from_x - maps[:, 0, 1] * from_y
    maps[:, 1, 2] = y - maps[:, 1, 0] * from_x - maps[:, 1, 1] * from_y
    return maps


def moved(frames: Pixels, maps: NDArray[np.float64], border: str) -> Pixels:
    """Frames whose pixels come from elsewhere, interpolated bilinearly.

    All frames are laid below one another and moved in one go, outside Python's lock: for small ones, calls would cost
    more than the work. The result for a frame does not depend on the others.

    Args:
        frames: ``[n, height, width, channels]``.
        maps: from a place in the result to that in the frame ``[n, 2, 3]``.
        border: what lies outside of a frame.
    """
    ring = int(border in ("black", "white"))
    if ring:  # one pixel of paint, into which whatever lies outside is drawn
        frames = np.pad(frames, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=_PAINT[border])
    most = max(1, _MOST_ROWS // frames.shape[1])
    made = [_moved(frames[i : i + most], maps[i : i + most], border, ring) for i in range(0, len(frames), most)]
    return np.concatenate(made) if len(made) != 1 else made[0]


def _moved(frames: Pixels, maps: NDArray[np.float64], border: str, ring: int) -> Pixels:
    count, high, wide, channels = frames.shape
    height, width = high - 2 * ring, wide - 2 * ring
    a = maps[:, :, :, None, None].astype(np.float32)
    across, below = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    places: list[NDArray[Any]] = []
    for row, most in enumerate((width - 1, height - 1)):
        line = a[:, row, 1] * below + a[:, row, 2]
        places.append(_within(np.add(a[:, row, 0] * across, line), most, border, ring))
    x, y = places
    shape = count, height * width  # long rows: OpenCV takes any shape, and some time for each row
    whole, between = cv2.convertMaps(x.reshape(shape), y.reshape(shape), cv2.CV_16SC2)
    rows = np.asarray(whole).reshape(count, height, width, 2)[..., 1]
    rows += (np.arange(count, dtype=np.int16) * high)[:, None, None]
    stack = frames.reshape(count * high, wide, channels)
    made = cv2.remap(stack, whole, between, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    return np.asarray(made, np.uint8).reshape(count, height, width, channels)


def _within(places: NDArray[np.floating[Any]], most: int, border: str, ring: int) -> NDArray[np.floating[Any]]:
    """Places along an axis from 0 to ``most``; those outside moved to where their pixel is. Changes them in place."""
    if border == "reflect":
        np.mod(places, 2 * max(most, 1), out=places)
        np.abs(np.subtract(places, most, out=places), out=places)
        np.subtract(most, places, out=places)
    np.clip(places, -ring, most + ring, out=places)
    return np.add(places, ring, out=places) if ring else places
