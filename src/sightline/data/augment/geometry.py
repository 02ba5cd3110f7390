"""Steps that move pixels. Pixels are uint8 ``[height, width, channels]``, and every draw comes from ``random``."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.augment.config import Affine, Hflip, PadCrop, RandomResizedCrop, Rotation, Rotation90, Vflip
from sightline.data.augment.opencv import BORDERS, cv2
from sightline.data.contract import FILTERS, Contract

Pixels = NDArray[np.uint8]
AFFINE_DRAWS = 5
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
    kind, paint = BORDERS[options.border], _paint(options.border)
    padded = with_channels(
        np.asarray(cv2.copyMakeBorder(pixels, down, down, right, right, kind, value=paint), np.uint8)
    )
    top, left = random.integers(0, 2 * down + 1), random.integers(0, 2 * right + 1)
    return padded[top : top + height, left : left + width]


def rotation(pixels: Pixels, options: Rotation, random: np.random.Generator, _: Contract) -> Pixels:
    """Turn by an angle drawn evenly."""
    return _warped(pixels, random.uniform(-options.degrees, options.degrees), border=options.border)


def affine(pixels: Pixels, options: Affine, random: np.random.Generator, _: Contract) -> Pixels:
    """Turn, slant and shift drawn evenly, size drawn so that half is as likely as double."""
    return moved(pixels, options, random.random(AFFINE_DRAWS).tolist())


def moved(pixels: Pixels, options: Affine, draws: Sequence[float]) -> Pixels:
    """``affine`` with its ``AFFINE_DRAWS`` numbers in [0, 1) at hand, so that a batch can draw them at once."""
    turn, lean, size, right, down = draws
    least, most = (math.log(factor) for factor in options.scale)
    scale = math.exp(least + (most - least) * size)
    shift = (2 * right - 1) * options.shift, (2 * down - 1) * options.shift
    angle, slant = (2 * turn - 1) * options.degrees, (2 * lean - 1) * options.shear
    return _warped(pixels, angle, scale, slant, shift, options.border)


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


def _warped(
    pixels: Pixels,
    angle: float,
    scale: float = 1.0,
    slant: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    border: str = "edge",
) -> Pixels:
    """One bilinear interpolation about the center of the image."""
    height, width = pixels.shape[:2]
    turn = math.radians(angle)
    sine, cosine = math.sin(turn), math.cos(turn)
    lean = math.tan(math.radians(slant))
    # Slant first, then turn and size.
    linear = scale * np.array([[cosine, cosine * lean - sine], [sine, sine * lean + cosine]])
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    moved = center - linear @ center + np.array([shift[0] * width, shift[1] * height])
    matrix = np.column_stack([linear, moved])
    warped = cv2.warpAffine(
        pixels,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=BORDERS[border],
        borderValue=_paint(border),
    )
    return with_channels(np.asarray(warped, np.uint8))


def _paint(border: str) -> tuple[int, int, int]:
    return (255, 255, 255) if border == "white" else (0, 0, 0)
