"""The ``standard`` augmentation: random crops, mirror images and color, for one image or for a whole batch.

It runs outside Python's lock, so that threads can make batches side by side.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.augment.geometry import Pixels
from sightline.data.augment.opencv import cv2
from sightline.data.augment.pipeline import STREAM
from sightline.data.contract import Contract
from sightline.data.image import as_image, to_color

_TRIES = 10
DRAWS = 4 * _TRIES + 7
"""Numbers in [0, 1) that an image takes."""
_HARDLY = 1.25
_ENLARGING = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
_LUMA = np.asarray([0.299, 0.587, 0.114])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Crops:
    """Random crops (Szegedy et al. 2015) resized to the contract's size, mirror images, brightness, contrast, color."""

    contract: Contract
    flip: bool
    scale: tuple[float, float] = (0.25, 1.0)
    """Share of the area that a crop covers."""
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Width to height of a crop, drawn evenly on a logarithmic scale."""
    jitter: float = 0.2
    """Brightness, contrast and saturation are multiplied by 1 - jitter to 1 + jitter, in random order; 0: never."""

    def __call__(self, image: Any, seed: int) -> Pixels:
        """From an upright image, a Pillow one or an array, to what the model sees."""
        picture = image if isinstance(image, Image.Image) else as_image(image)
        frame = np.asarray(to_color(picture, self.contract.color))
        draws = np.random.Generator(np.random.Philox(key=[seed, STREAM])).random(DRAWS)
        out = np.empty((1, self.contract.height, self.contract.width, self.contract.channels), np.uint8)
        self.fill([frame], draws[None], out)
        return out[0]

    def fill(self, frames: Sequence[Pixels], draws: NDArray[np.float64], out: Pixels) -> None:
        """Crop, resize, mirror and color, each image straight into its place.

        Args:
            frames: whole images in the contract's color, ``[h, w, channels]`` or gray ones ``[h, w]``.
            draws: ``[n, DRAWS]``.
            out: ``[n, height, width, channels]`` of the contract.
        """
        sizes = np.asarray([frame.shape[:2] for frame in frames], np.int64).reshape(-1, 2)
        boxes = crop_boxes(sizes, draws[:, : 4 * _TRIES].reshape(-1, _TRIES, 4), self.scale, self.ratio).tolist()
        others = draws[:, 4 * _TRIES :].tolist()
        enlarging = _ENLARGING[self.contract.interpolation]
        for frame, (top, left, height, width), numbers, place in zip(frames, boxes, others, out, strict=True):
            target = place[:, :, 0] if place.shape[2] == 1 else place
            crop = frame[top : top + height, left : left + width]
            kind = _resampling(height / target.shape[0], width / target.shape[1], enlarging)
            cv2.resize(crop, target.shape[1::-1], dst=target, interpolation=kind)
            if self.flip and numbers[0] < 0.5:
                cv2.flip(target, 1, dst=target)
            if self.jitter:
                jittered(target, numbers[1:4], numbers[4:7], self.jitter)


def _resampling(down: float, across: float, enlarging: int) -> int:
    """OpenCV's filter for a crop that shrinks by these factors; below 1 it grows.

    Averaging over areas is what comes nearest to Pillow's antialiasing. Where an image hardly shrinks, bilinear
    interpolation is as near (0.3 of 255 on photos shrunk by 1.15) and takes a third of the time.
    """
    if enlarging == cv2.INTER_NEAREST:
        return cv2.INTER_NEAREST
    if min(down, across) >= 1:
        return cv2.INTER_AREA if max(down, across) > _HARDLY else cv2.INTER_LINEAR
    return enlarging


def crop_boxes(
    sizes: NDArray[np.int64],
    draws: NDArray[np.float64],
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> NDArray[np.int64]:
    """Boxes of random-resized crops (Szegedy et al. 2015): the first of the tries that lies within the image.

    Where none does, the largest box in the middle whose shape is allowed.

    Args:
        sizes: height and width of each image ``[n, 2]``.
        draws: numbers in [0, 1) ``[n, tries, 4]``: for area, shape, top and left.
        scale: share of the area, from and to.
        ratio: width to height, from and to.

    Returns:
        Top, left, height and width ``[n, 4]``.
    """
    high, wide = sizes[:, :1], sizes[:, 1:]
    area = high * wide * (scale[0] + draws[:, :, 0] * (scale[1] - scale[0]))
    low, up = np.log(ratio)
    shape = np.exp(low + draws[:, :, 1] * (up - low))
    heights, widths = np.rint(np.sqrt(area / shape)).astype(np.int64), np.rint(np.sqrt(area * shape)).astype(np.int64)
    fits = (heights > 0) & (heights <= high) & (widths > 0) & (widths <= wide)
    tops = (draws[:, :, 2] * (high - heights + 1)).astype(np.int64)
    lefts = (draws[:, :, 3] * (wide - widths + 1)).astype(np.int64)
    first = (np.arange(len(sizes)), fits.argmax(axis=1))
    boxes = np.stack([tops[first], lefts[first], heights[first], widths[first]], axis=1)
    for row in np.flatnonzero(~fits.any(axis=1)):
        height, width = sizes[row].tolist()
        inner_width = min(width, max(1, round(height * ratio[1])))
        inner_height = min(height, max(1, round(width / ratio[0])))
        boxes[row] = (height - inner_height) // 2, (width - inner_width) // 2, inner_height, inner_width
    return boxes


def jittered(image: Pixels, factors: list[float], order: list[float], most: float) -> None:
    """Change brightness, contrast and saturation of an image in place, in one pass over its pixels.

    Each of the three is linear in the pixels, so their product is one matrix. Unlike three passes it cuts values off at
    0 and 255 once, at the end.

    Args:
        image: ``[h, w]`` or ``[h, w, 3]``.
        factors: three numbers in [0, 1): how much brighter, richer in contrast and more saturated.
        order: three numbers; the changes are applied from the smallest to the largest.
        most: a factor is 1 - most to 1 + most.
    """
    gray = image.ndim == 2
    luma = np.ones(1) if gray else _LUMA
    matrix, offset = np.eye(len(luma)), np.zeros(len(luma))
    mean = np.asarray(cv2.mean(image)[: len(luma)])
    for kind in sorted(range(3), key=order.__getitem__):
        factor = 1 + most * (2 * factors[kind] - 1)
        if kind == 0:
            matrix, offset = factor * matrix, factor * offset
        elif kind == 1:
            level = float(luma @ (matrix @ mean + offset))
            matrix, offset = factor * matrix, factor * offset + (1 - factor) * level
        elif not gray:
            matrix = factor * matrix + (1 - factor) * (luma @ matrix)
            offset = factor * offset + (1 - factor) * float(luma @ offset)
    cv2.transform(image, np.column_stack([matrix, offset]).astype(np.float32), dst=image)
