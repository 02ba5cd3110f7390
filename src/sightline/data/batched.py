"""Whole batches from kept pixels: nothing is decoded, and the random numbers of a batch are drawn at once.

Bit for bit they are what the transforms of ``transforms.py`` give from images of that form, one after the other.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sightline.data.augment.geometry import AFFINE_DRAWS, Pixels, affine_maps, moved
from sightline.data.augment.pipeline import STREAM, preset_steps
from sightline.data.contract import Contract
from sightline.data.cropped import DRAWS, Crops
from sightline.data.draws import Keys, uniforms
from sightline.data.kept import Images


class BatchTransform(Protocol):
    """Makes a batch of what the model sees; safe in threads, and a function of images and keys alone."""

    def __call__(self, images: Images, indices: NDArray[np.int64], keys: Keys, out: Pixels) -> None:
        """Fill ``out`` ``[n, height, width, channels]`` with the images at these places."""
        ...


class Frames:
    """The contract's frames as they are, mirrored half of the time where ``flip`` is set."""

    def __init__(self, contract: Contract, flip: bool = False):
        del contract
        self.flip = flip

    def __call__(self, images: Images, indices: NDArray[np.int64], keys: Keys, out: Pixels) -> None:
        """Copy, and mirror."""
        for places, frames in images.frames(indices):
            out[places] = frames
        if self.flip:
            mirrored = uniforms(keys, STREAM, 1)[:, 0] < 0.5
            out[mirrored] = out[mirrored, :, ::-1]


class MovedFrames:
    """The ``light`` augmentation: frames moved, turned and scaled a little."""

    def __init__(self, contract: Contract, flip: bool = False):
        self.flip, self.options = flip, preset_steps("light", contract, False)[0].options

    def __call__(self, images: Images, indices: NDArray[np.int64], keys: Keys, out: Pixels) -> None:
        """Move, and mirror. Each step draws whether it is taken, then what it needs."""
        draws = uniforms(keys, STREAM, 1 + AFFINE_DRAWS + 1)
        maps = affine_maps(self.options, draws[:, 1 : 1 + AFFINE_DRAWS], out.shape[2], out.shape[1])
        for places, frames in images.frames(indices):
            out[places] = moved(frames, maps[places], self.options.border)
        if self.flip:
            mirrored = draws[:, -1] < 0.5
            out[mirrored] = out[mirrored, :, ::-1]


class CroppedWholes:
    """The ``standard`` augmentation, from images of the working size."""

    def __init__(self, crops: Crops):
        self.crops = crops

    def __call__(self, images: Images, indices: NDArray[np.int64], keys: Keys, out: Pixels) -> None:
        """Crop."""
        self.crops.fill([images.image(index) for index in indices.tolist()], uniforms(keys, STREAM, DRAWS), out)


BATCHED: dict[str, Callable[[Contract, bool], BatchTransform]] = {
    "none": Frames,
    "light": MovedFrames,
    "standard": lambda contract, flip: CroppedWholes(Crops(contract=contract, flip=flip)),
}
"""The presets that work on whole batches of kept pixels, each made from (contract, whether to mirror)."""
