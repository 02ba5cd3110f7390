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


@dataclasses.dataclass(frozen=True)
class Cuts:
    """What becomes of each image of a batch."""

    boxes: NDArray[np.int64]
    """Top, left, height and width of the crop ``[n, 4]``."""
    mirrored: NDArray[np.bool_]
    """Whether it is mirrored ``[n]``."""
    color: NDArray[np.float64]
    """What its channels are multiplied by ``[n, channels, channels]``."""
    pull: NDArray[np.float64]
    """What its mean color is multiplied by, to be added to every pixel ``[n, channels, channels]``."""


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
        cuts, enlarging = self.cuts(sizes, draws), _ENLARGING[self.contract.interpolation]
        rows = zip(frames, cuts.boxes.tolist(), cuts.mirrored.tolist(), cuts.color, cuts.pull, out, strict=True)
        for frame, (top, left, height, width), mirrored, color, pull, place in rows:
            target = place[:, :, 0] if place.shape[2] == 1 else place
            crop = frame[top : top + height, left : left + width]
            kind = _resampling(height / target.shape[0], width / target.shape[1], enlarging)
            cv2.resize(crop, target.shape[1::-1], dst=target, interpolation=kind)
            if mirrored:
                cv2.flip(target, 1, dst=target)
            if self.jitter:
                recolor(target, color, pull)

    def cuts(self, sizes: NDArray[np.int64], draws: NDArray[np.float64]) -> Cuts:
        """What becomes of images of these sizes.

        Args:
            sizes: height and width of each ``[n, 2]``.
            draws: ``[n, DRAWS]``.
        """
        tries, (mirror, *colors) = draws[:, : 4 * _TRIES].reshape(-1, _TRIES, 4), draws[:, 4 * _TRIES :].T
        color, pull = color_changes(
            np.stack(colors[:3], 1), np.stack(colors[3:], 1), self.jitter, self.contract.channels
        )
        return Cuts(crop_boxes(sizes, tries, self.scale, self.ratio), (mirror < 0.5) & self.flip, color, pull)


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


def color_changes(
    factors: NDArray[np.float64], order: NDArray[np.float64], most: float, channels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How brightness, contrast and saturation of images change: as one linear map of each pixel and the mean color.

    Each of the three is linear in pixel and mean color, so their product is. Unlike three passes over the pixels, it
    cuts values off at 0 and 255 once, at the end.

    Args:
        factors: how much brighter, richer in contrast and more saturated, numbers in [0, 1) ``[n, 3]``.
        order: the changes are applied from the smallest to the largest of these ``[n, 3]``.
        most: a factor is 1 - most to 1 + most.
        channels: 1 or 3.

    Returns:
        The matrix for the pixels and that for the mean color, each ``[n, channels, channels]``.
    """
    luma = np.ones(1) if channels == 1 else _LUMA
    color, pull = np.tile(np.eye(channels), (len(factors), 1, 1)), np.zeros((len(factors), channels, channels))
    for kinds in np.argsort(order, axis=1).T:
        bright, contrast, saturation = (
            np.where(kinds == kind, 1 + most * (2 * factors[:, kind] - 1), 1.0)[:, None, None] for kind in range(3)
        )
        color, pull = bright * color, bright * pull
        level = (luma @ (color + pull))[:, None, :]
        color, pull = contrast * color, contrast * pull + (1 - contrast) * level
        if channels > 1:
            color = saturation * color + (1 - saturation) * (luma @ color)[:, None, :]
            pull = saturation * pull + (1 - saturation) * (luma @ pull)[:, None, :]
    return color, pull


def recolor(image: Pixels, color: NDArray[np.float64], pull: NDArray[np.float64]) -> None:
    """Change the colors of an image in place, in one pass over its pixels.

    Args:
        image: ``[h, w]`` or ``[h, w, 3]``.
        color: the matrix for its pixels.
        pull: the matrix for its mean color.
    """
    mean = np.asarray(cv2.mean(image)[: len(color)])
    cv2.transform(image, np.column_stack([color, pull @ mean]).astype(np.float32), dst=image)
