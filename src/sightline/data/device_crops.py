"""The ``standard`` augmentation on the device that trains: workers copy crops, the device resizes and colors them.

Resizing is linear in the pixels, and along rows and columns apart. So a whole batch of crops, each of another size, is
two batched matrix products, in which a mirror image costs nothing. A GPU does that faster than any number of CPU cores
that it usually comes with, and those only have to copy memory.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from sightline.data.augment.pipeline import STREAM
from sightline.data.contract import Contract
from sightline.data.cropped import DRAWS, Crops
from sightline.data.draws import uniforms
from sightline.data.kept import Images
from sightline.data.loader import KeptPieces, Piece
from sightline.data.samples import Samples
from sightline.errors import ImageError

_SHAPE = 3
"""Height, width and whether to mirror come first among an image's numbers; then two matrices for its color."""


class UncutPieces(KeptPieces):
    """Makes batches of crops as they were kept, each in a corner of its place, with what is still to be done to them.

    Args:
        samples: the images and their labels.
        crops: says where to crop, and how to color.
        seed: that of the run.
        images: whole images.
        pin: whether batches lie in pinned memory.
    """

    def __init__(self, samples: Samples, crops: Crops, seed: int, images: Images, pin: bool = False):
        super().__init__(samples, seed, images, pin)
        self.crops = crops

    def __getitem__(self, piece: Piece) -> Any:
        try:
            frames = [self.images.image(index) for index in piece.indices.tolist()]
        except ImageError as error:
            return error
        sizes = np.asarray([frame.shape[:2] for frame in frames], np.int64).reshape(-1, 2)
        cuts = self.crops.cuts(sizes, uniforms(self.keys(piece), STREAM, DRAWS))
        shape = (len(frames), *cuts.boxes[:, 2:].max(axis=0).tolist(), self.crops.contract.channels)
        pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=self.pin)
        for frame, (top, left, height, width), place in zip(frames, cuts.boxes.tolist(), pixels.numpy(), strict=True):
            place[:height, :width] = frame[top : top + height, left : left + width]
        columns = [cuts.boxes[:, 2:], cuts.mirrored[:, None], *(m.reshape(len(m), -1) for m in (cuts.color, cuts.pull))]
        numbers = torch.from_numpy(np.concatenate(columns, axis=1, dtype=np.float32))
        return pixels, *self.labelled(piece), None, numbers.pin_memory() if self.pin else numbers


def finished(pixels: torch.Tensor, numbers: torch.Tensor, contract: Contract) -> torch.Tensor:
    """Resize, mirror and color crops, where they lie.

    Resizing is that of Pillow with the contract's filter, antialiased, rounded and cut off at 0 and 255 between the
    passes along columns and rows. Where Pillow would take the rows first, values can differ by 1. On a GPU the products
    are of numbers in half precision.

    Args:
        pixels: crops in the top left corners, uint8 ``[n, h, w, channels]``.
        numbers: what ``UncutPieces`` says of each ``[n, 3 + 2 * channels ** 2]``.
        contract: gives size and filter.

    Returns:
        What the model sees, uint8 ``[n, height, width, channels]``.
    """
    count, high, wide, channels = pixels.shape
    number = torch.float16 if pixels.is_cuda else torch.float32
    rows = resampling(numbers[:, 0], high, contract.height, contract.interpolation)
    columns = resampling(numbers[:, 1], wide, contract.width, contract.interpolation)
    columns = torch.where(numbers[:, 2, None, None] > 0, columns.flip(1), columns)
    # Along the columns [n, wide, high * channels], then along the rows [n, high, width * channels]: one product each.
    lines = columns.to(number) @ pixels.transpose(1, 2).reshape(count, wide, -1).to(number)
    lines = lines.round_().clamp_(0, 255).view(count, contract.width, high, channels)
    made = rows.to(number) @ lines.transpose(1, 2).reshape(count, high, -1)
    made = made.view(count, -1, channels).float().round_().clamp_(0, 255)
    color, pull = numbers[:, _SHAPE:].view(count, 2, channels, channels).unbind(1)
    made = made @ color.mT + (pull @ made.mean(dim=1)[:, :, None]).mT
    return made.round_().clamp_(0, 255).to(torch.uint8).view(count, contract.height, contract.width, channels)


def resampling(sizes: torch.Tensor, source: int, target: int, filter_name: str) -> torch.Tensor:
    """Matrices ``[n, target, source]`` that resize lines of these lengths, antialiased, as Pillow does.

    Args:
        sizes: how many numbers of each line count, from the first one ``[n]``.
        source: numbers in a line.
        target: numbers wanted.
        filter_name: nearest, bilinear, bicubic or lanczos.
    """
    scale = (sizes / target)[:, None, None]
    centers = (torch.arange(target, device=sizes.device)[None, :, None] + 0.5) * scale
    places = torch.arange(source, device=sizes.device)[None, None, :]
    if filter_name == "nearest":
        return (places == centers.floor()).to(sizes.dtype)
    weights = _KERNELS[filter_name]((places + 0.5 - centers) / scale.clamp(min=1))
    weights = weights * (places < sizes[:, None, None])
    return weights / weights.sum(dim=2, keepdim=True)


def _bilinear(x: torch.Tensor) -> torch.Tensor:
    return (1 - x.abs()).clamp_(min=0)


def _bicubic(x: torch.Tensor) -> torch.Tensor:
    """Keys 1981, with a = -0.5."""
    x = x.abs()
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))


def _lanczos(x: torch.Tensor) -> torch.Tensor:
    """Three lobes."""
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), 0)


_KERNELS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "bilinear": _bilinear,
    "bicubic": _bicubic,
    "lanczos": _lanczos,
}
