"""Settings of the data stage."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Lt

Fraction = Annotated[float, Ge(0.0), Lt(1.0)]
Positive = Annotated[int, Ge(1)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is read, how it is divided, and what the model gets to see."""

    path: str = ""
    """Folder, archive, CSV or idx folder with the images. The DATA argument of the command line."""
    reader: str = "auto"
    """How to read it: auto, folders, archive, csv, idx, or your own "my_file:reader"."""
    root: str = ""
    """Folder (or archive) that the paths in a CSV are relative to; empty: where the CSV lies."""
    val: Fraction = 0.15
    """Fraction of the samples for validation, where the data set gives no validation part."""
    test: Fraction = 0.15
    """Fraction of the samples for the test, where the data set gives no parts at all."""
    limit: Positive | None = None
    """Use only this many training samples: the first ones after the seeded shuffle."""
    on_error: Literal["stop", "skip"] = "stop"
    """What to do about images that cannot be decoded: stop and name them, or leave them out and list them."""
    image_size: Positive | Literal["auto"] = "auto"
    """Side of the square the model sees, in pixels; auto: the model's own size, or that of small images."""
    color: Literal["auto", "rgb", "gray"] = "auto"
    """Channels the model sees; auto: gray where every image is gray and no pretrained weights want color."""
    resize: Literal["auto", "crop", "squash", "pad"] = "auto"
    """crop: shorter side, then the center; squash: ignore the aspect; pad: longer side, then a border."""
    interpolation: Literal["auto", "nearest", "bilinear", "bicubic", "lanczos"] = "auto"
    """Resampling filter; auto: the one of the model's pretrained settings."""
    mean: tuple[float, ...] | None = None
    """Mean of each channel, on pixels scaled to 0-1; none: the model's own, or measured for gray images."""
    std: tuple[float, ...] | None = None
    """Standard deviation of each channel, on pixels scaled to 0-1; none: like the mean."""
    augment: Literal["auto", "none", "light", "standard"] = "auto"
    """none; light: small shifts; standard: random crops, mirror images, color. auto: light for small images."""
    flip: Literal["auto", "yes", "no"] = "auto"
    """Mirror images left-right while training; auto: with standard augmentation only."""
    cache: str = "auto"
    """Keep decoded pixels on disk: on, off, or a folder for them; auto: on where they fit and are used again."""
    cache_side: Positive | Literal["auto"] = "auto"
    """Shorter side, in pixels, of the images that random crops are taken from; auto: 1.5 times what the model sees."""
    workers: Annotated[int, Ge(0)] | Literal["auto"] = "auto"
    """Processes that decode images, or threads that crop kept ones; auto: measured. Results do not depend on it."""
    prefetch: Positive = 4
    """Batches that each worker makes ahead of the training. Results do not depend on it."""
