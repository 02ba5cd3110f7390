"""What an exporter is, and what it is given."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sightline.data.contract import Contract
from sightline.export.served import Taps

Precision = Literal["fp32", "fp16", "bf16", "int8"]
Runner = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Pictures, uint8 ``[n, height, width, channels]``, to probabilities and logits; of numbers twice the values."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """What is to be exported."""

    model: nn.Module
    """Normalised float32 ``[n, channels, height, width]`` to logits ``[n, classes]``. It is not altered."""
    contract: Contract
    """How pictures are prepared, and the names of the outputs."""
    weights_sha256: str
    """Checksum of the weights as the training printed it."""
    taps: Taps
    """What is given beside the answers, in the forms that can."""
    calibration: Callable[[], Iterator[NDArray[np.uint8]]]
    """Training images by the contract, one at a time, ``[height, width, channels]``: for ranges of activations."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """A way to write a model down.

    ``write`` makes ``files`` in a folder. ``open`` makes a function of them, given the folder, how many threads it may
    use, and how many of the outputs are answers.
    """

    write: Callable[[Order, Path], None]
    files: tuple[str, ...]
    open: Callable[[Path, int, int], Runner]
    precision: Precision = "fp32"
    extra: str = ""
    """Name of the extra that brings its libraries; empty: they come with training."""
    note: str = ""
    """What a user should know before choosing it."""
