"""Settings of the data stage."""

import dataclasses
import re
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, Predicate

Fraction = Annotated[float, Ge(0.0), Lt(1.0)]
Positive = Annotated[int, Ge(1)]
Preset = Literal[
    "none", "light", "standard", "strong", "medical", "document", "randaugment", "trivialaugment", "augmix"
]


def is_own(text: str) -> bool:
    """Whether the text points into a user's file or module: my_file:make."""
    return re.fullmatch(r".+:.+", text) is not None


def is_preset(augment: str | list[Any]) -> bool:
    """Whether ``data.augment`` names a preset, or leaves it to be chosen."""
    return isinstance(augment, str) and not is_own(augment)


def is_step_list(items: list[Any]) -> bool:
    """Whether there is a step at all; what the steps say is checked where it can be told in words."""
    return len(items) > 0


Own = Annotated[str, Predicate(is_own)]
Steps = Annotated[list[Any], Predicate(is_step_list)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is read, how it is divided, and what the model gets to see."""

    path: str = ""
    """Where the images are: a folder, file or pattern of shards, or hf:owner/name. The DATA argument."""
    reader: str = "auto"
    """How to read it: auto, folders, archive, csv, idx, npz, hdf5, lmdb, huggingface, webdataset, or "file:reader"."""
    root: str = ""
    """Folder (or archive) that the paths in a CSV are relative to; empty: where the CSV lies."""
    targets: tuple[str, ...] = ()
    """Columns of a CSV that hold what is learnt: the numbers of regression, or 0 and 1 for each label of multilabel;
    empty: the label column."""
    val: Fraction | Positive = 0.15
    """Fraction (0.15) or number (200) of the samples for validation, where the data set gives no validation part."""
    test: Fraction | Positive = 0.15
    """Fraction or number of the samples for the test, where the data set gives no parts at all."""
    group: str = "auto"
    """What never straddles parts: auto: the group column of a CSV, where there is one; none: no groups; else a regular
    expression to find in each path, such as patient(\\d+): its first (…), or all it finds, is the group."""
    duplicates: Literal["together", "apart"] = "together"
    """together: copies of one picture go to one part; apart: they are divided like any others."""
    time: bool = False
    """Divide by the time column of a CSV, the oldest for training and the newest for the test, not at random."""
    limit: Positive | None = None
    """Use only this many training samples: the first ones after the seeded shuffle."""
    stream: bool = False
    """Train from tar shards one after the other, for data too large or too far away to be read at random."""
    shuffle_buffer: Positive = 10_000
    """How many places a sample of a stream may be moved in the order of the shards; 1: not at all."""
    on_error: Literal["stop", "skip"] = "stop"
    """What to do about images that cannot be decoded: stop and name them, or leave them out and list them."""
    exclude: str = ""
    """CSV with a path column (such as check's quarantine.csv): the images to leave out. Empty: none."""
    check: Literal["stop", "warn", "off"] = "stop"
    """What a training does about errors that the check finds: stop and name them, tell them and go on, or not look."""
    max_pixels: Annotated[int, Ge(1), Le(178_956_970)] = 178_956_970
    """Images with more pixels than this count as damaged and are not decoded; the default is the decoder's limit."""
    image_size: Positive | Literal["auto"] = "auto"
    """Side of the square the model sees, in pixels; auto: that of the run that the weights are from, else the model's
    own size, or that of small images."""
    color: Literal["auto", "rgb", "gray"] = "auto"
    """Channels the model sees; auto: those of the run that the weights are from, else gray where every image is gray
    and no pretrained weights want color."""
    resize: Literal["auto", "crop", "squash", "pad"] = "auto"
    """crop: shorter side, then the center; squash: ignore the aspect; pad: longer side, then a border."""
    interpolation: Literal["auto", "nearest", "bilinear", "bicubic", "lanczos"] = "auto"
    """Resampling filter; auto: the one of the model's pretrained settings."""
    mean: tuple[float, ...] | None = None
    """Mean of each channel, on pixels scaled to 0-1; none: the model's own, or measured for gray images."""
    std: tuple[float, ...] | None = None
    """Standard deviation of each channel, on pixels scaled to 0-1; none: like the mean."""
    augment: Literal["auto"] | Preset | Own | Steps = "auto"
    """A preset, a list of steps, or your own "my_file:make"; auto: light for small images, standard for others."""
    flip: Literal["auto", "yes", "no"] = "auto"
    """Mirror images left-right while training; auto: with standard, strong and the three policies. Presets only."""
    symmetric: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Pairs of classes that a motion turns into one another, such as {rotation180: [[6, 9]], hflip: [[b, d]]}."""
    sampler: str = "auto"
    """none (each sample once an epoch), classes (every class equally often), weights (in proportion to the weights of
    the data), or your own "my_file:chances"; auto: by the imbalance of the training part."""
    mixup: Annotated[float, Ge(0.0)] = 0.0
    """Parameter of the Beta distribution of MixUp, such as 0.2; 0: no MixUp."""
    cutmix: Annotated[float, Ge(0.0)] = 0.0
    """Parameter of the Beta distribution of CutMix, such as 1; 0: no CutMix. With both, each batch gets one of them."""
    mix_probability: Annotated[float, Gt(0.0), Le(1.0)] = 1.0
    """Share of the batches that MixUp or CutMix mixes."""
    mix_off_epochs: Annotated[int, Ge(0)] = 0
    """Epochs at the end in which nothing is mixed."""
    cache: str = "auto"
    """Keep decoded pixels on disk: on, off, or a folder for them; auto: on where they fit and are used again."""
    cache_side: Positive | Literal["auto"] = "auto"
    """Shorter side, in pixels, of the images that random crops are taken from; auto: 1.5 times what the model sees."""
    crops: Literal["auto", "workers", "device"] = "auto"
    """Where standard crops kept pixels: workers, or the device that trains; auto: the device where it is a GPU."""
    workers: Annotated[int, Ge(0)] | Literal["auto"] = "auto"
    """Processes that decode images, or threads that crop kept ones; auto: measured. Results do not depend on it."""
    prefetch: Positive = 4
    """Batches that each worker makes ahead of the training. Results do not depend on it."""
