"""The preprocessing contract of a run, from the settings, the model's own, and the data."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.config import DataConfig
from sightline.data.contract import Contract
from sightline.data.image import MOST_PIXELS, read_image
from sightline.data.samples import Samples
from sightline.data.scan import Scan

SMALL = 96
"""Images whose shorter side is below this many pixels are used at their own size."""
_LOOK_AT = 2048


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preferred:
    """The input that a model's published weights were trained with."""

    size: int
    """Side of the square, in pixels."""
    crop_share: float
    """Share of the shorter side that the center crop keeps."""
    interpolation: str
    """Resampling filter."""
    mean: tuple[float, ...]
    """Mean of each channel on pixels scaled to 0-1."""
    std: tuple[float, ...]
    """Standard deviation of each channel on pixels scaled to 0-1."""


Chosen = Callable[[str, Any, str], None]
"""Told (setting, value, reason) for each value that ``auto`` chose."""


def derive_contract(
    config: DataConfig,
    samples: Samples,
    scan: Scan,
    preferred: Preferred | None,
    pretrained: bool,
    chosen: Chosen,
) -> Contract:
    """Settle every ``auto`` of the preprocessing.

    Args:
        config: the data settings; what they fix is kept.
        samples: with parts; mean and std are measured on the training part only.
        scan: sizes and colors of the same samples.
        preferred: the model's own input, where it has one.
        pretrained: whether the model starts from weights that expect that input.
        chosen: is told what ``auto`` chose and why.
    """
    train = samples.part("train")
    color = config.color
    if color == "auto":
        gray = bool(scan.rows["gray"].all())
        color = "gray" if gray and not pretrained else "rgb"
        why = "every image is gray" if gray else "the images have color"
        chosen("data.color", color, "the pretrained weights see color" if gray and pretrained else why)
    size = _size(config, scan, preferred, pretrained, chosen)
    uniform = len(np.unique(scan.rows[["width", "height"]])) == 1
    resize = config.resize
    if resize == "auto":
        small_ones = size < SMALL and not pretrained
        resize = "squash" if small_ones else "crop"
        chosen("data.resize", resize, "small images are used whole" if small_ones else "keeps the shapes of things")
    share = preferred.crop_share if preferred is not None and resize == "crop" else 1.0
    interpolation = config.interpolation
    if interpolation == "auto":
        interpolation = preferred.interpolation if preferred is not None else "bilinear"
        needless = uniform and size == int(scan.rows["width"][0]) == int(scan.rows["height"][0])
        own = "the model's own" if preferred is not None else "smooth and fast"
        chosen("data.interpolation", interpolation, "no image is resized" if needless else own)
    draft = Contract(
        classes=samples.classes, color=color, height=size, width=size, resize=resize,
        shorter=math.floor(size / share), interpolation=interpolation,
        mean=(0.0,) * (3 if color == "rgb" else 1), std=(1.0,) * (3 if color == "rgb" else 1),
    )  # fmt: skip
    mean, std = _scale(config, draft, samples, train, preferred if pretrained or color == "rgb" else None, chosen)
    return dataclasses.replace(draft, mean=mean, std=std)


def _size(config: DataConfig, scan: Scan, preferred: Preferred | None, pretrained: bool, chosen: Chosen) -> int:
    if config.image_size != "auto":
        return config.image_size
    typical = int(np.median(np.minimum(scan.rows["width"], scan.rows["height"])))
    if typical < SMALL and not pretrained:
        longest = int(max(scan.rows["width"].max(), scan.rows["height"].max()))
        size = max(longest if longest < SMALL else typical, 8)
        chosen("data.image_size", size, "the images' own size")
    else:
        size = preferred.size if preferred is not None else min(typical, 224)
        chosen("data.image_size", size, "the model's own size" if preferred is not None else "that of the images")
    return size


def _scale(
    config: DataConfig,
    draft: Contract,
    samples: Samples,
    train: NDArray[np.int64],
    preferred: Preferred | None,
    chosen: Chosen,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation: as set, else the model's own, else measured on the training part."""
    if config.mean is not None and config.std is not None:
        return config.mean, config.std
    if preferred is not None and draft.color == "rgb" and len(preferred.mean) == 3:
        mean, std, why = preferred.mean, preferred.std, "the model's own"
    else:
        mean, std = _measured(draft, samples, train)
        why = f"measured on {min(len(train), _LOOK_AT)} training images"
    if config.mean is None:
        chosen("data.mean", list(mean), why)
    if config.std is None:
        chosen("data.std", list(std), why)
    return config.mean or mean, config.std or std


def _measured(
    draft: Contract, samples: Samples, train: NDArray[np.int64]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    looked = train[np.linspace(0, len(train) - 1, min(len(train), _LOOK_AT)).astype(np.int64)]
    images = (draft.pixels(image_of(samples, int(index))) for index in looked)
    sums = np.zeros((2, draft.channels))
    for image in images:
        values = image.reshape(-1, draft.channels) / 255.0
        sums += values.mean(axis=0), (values**2).mean(axis=0)
    mean, square = sums / len(looked)
    std = np.sqrt(np.maximum(square - mean**2, 1e-4))
    return tuple(round(float(v), 4) for v in mean), tuple(round(float(v), 4) for v in std)


def image_of(samples: Samples, index: int, most_pixels: int = MOST_PIXELS) -> Any:
    """The upright image of a sample: a Pillow image, or the array it was given as.

    Raises:
        ImageError: the file cannot be decoded, or has more pixels than ``most_pixels``.
    """
    if samples.pixels is not None:
        return samples.pixels[index]
    if samples.store is None:
        return read_image(samples.file(index), samples.paths[index], most_pixels)
    kept = samples.content(index)
    return read_image(kept, samples.paths[index], most_pixels) if isinstance(kept, bytes) else kept
