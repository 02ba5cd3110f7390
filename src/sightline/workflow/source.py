"""Where the pixels of a run come from: kept ones or files, and what makes batches of them."""

from pathlib import Path

from sightline.config import RunConfig
from sightline.data.augment.pipeline import Pipeline
from sightline.data.batched import BATCHED, Frames
from sightline.data.cache import default_folder
from sightline.data.config import is_own
from sightline.data.contract import Contract
from sightline.data.cropped import Crops
from sightline.data.device_crops import UncutPieces
from sightline.data.kept import Form, Images
from sightline.data.loader import BatchPieces, Pieces
from sightline.data.samples import Samples
from sightline.data.transforms import Evaluation, make_transform
from sightline.machine import cores

AMPLE = 1.5
"""Shorter side of the images that crops are taken from, as a multiple of what the model sees."""


def is_kept(config: RunConfig) -> bool:
    """Whether settled settings want pixels to be kept."""
    return config.data.cache not in ("off", "auto")


def why_not_kept(config: RunConfig) -> str | None:
    """Why no pixels are kept whatever their size; ``None``: they may be."""
    data = config.data
    if data.cache == "off":
        return "set so"
    if data.stream:
        return "a stream is read in order and nothing of it is kept"
    if data.cache == "auto" and isinstance(data.augment, str) and is_own(data.augment):
        return "an augmentation of your own gets the images as they are"
    return None


def kept_folder(config: RunConfig) -> Path:
    """The folder for kept pixels."""
    own = config.data.cache
    return default_folder() if own in ("on", "auto", "off") else Path(own)


def training_form(config: RunConfig, contract: Contract) -> Form:
    """What is kept of the training images: the contract's frames where the augmentation starts from those."""
    transform = make_transform(config.data, contract)
    if isinstance(transform, Pipeline) and transform.cut is None:
        return Form(contract)
    side = config.data.cache_side
    return Form(contract, round(AMPLE * max(contract.height, contract.width)) if side == "auto" else side)


def training_dataset(
    samples: Samples, contract: Contract, config: RunConfig, images: Images | None, pin: bool
) -> Pieces:
    """What makes the training batches, from these images where there are any.

    Args:
        samples: all samples of the run.
        contract: what the model sees.
        config: says how images are varied.
        images: kept pixels in the ``training_form``.
        pin: whether batches are made in pinned memory.
    """
    augment, flip = config.data.augment, config.data.flip == "yes"
    if images is not None and augment == "standard" and config.data.crops == "device":
        return UncutPieces(samples, Crops(contract=contract, flip=flip), config.seed, images, pin)
    if images is not None and isinstance(augment, str) and augment in BATCHED:
        return BatchPieces(samples, BATCHED[augment](contract, flip), config.seed, images, pin)
    return Pieces(samples, make_transform(config.data, contract), config.seed, images)


def evaluation_dataset(
    samples: Samples, contract: Contract, config: RunConfig, frames: Images | None, pin: bool = False
) -> Pieces:
    """What makes the batches of an evaluation: exactly the contract's pixels, kept or not."""
    if frames is not None:
        return BatchPieces(samples, Frames(contract), config.seed, frames, pin)
    return Pieces(samples, Evaluation(contract), config.seed)


def decoders(samples: Samples, count: int) -> int:
    """Processes that decode for one pass over so many images: none where starting them takes longer than they save."""
    return cores() if count > 1000 and samples.pixels is None else 0


def size_told(size: float) -> str:
    """Bytes for people."""
    unit, name = next(pair for pair in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= pair[0] or pair[0] == 1e3)
    return f"{size / unit:.1f} {name}"
