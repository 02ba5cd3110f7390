"""What ``auto`` chooses about feeding: whether pixels are kept, and how many workers the training can use."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline import distributed
from sightline.data.cache import held
from sightline.data.cache_build import room
from sightline.data.contract import Contract
from sightline.data.kept import Form
from sightline.data.loader import Piece
from sightline.data.order import steps_per_epoch
from sightline.data.samples import Samples
from sightline.data.scan import Scan
from sightline.machine import cores, free_memory
from sightline.workflow.auto import Settling
from sightline.workflow.source import is_kept, kept_folder, size_told, training_dataset, training_form, why_not_kept

_SHARE = 0.5
_SLACK = 1.25
_FREE = 0.03
_LOOK_AT = 32
_SECONDS = 2.0


def settle_cache(
    settling: Settling, samples: Samples, facts: Scan, contract: Contract, train: NDArray[np.int64]
) -> None:
    """Keep pixels where they are used more than once, and disk and memory have room for them."""
    config = settling.config
    form = training_form(config, contract)
    if config.data.cache == "auto":
        why = why_not_kept(config)
        answer = _answer(settling, samples, facts, contract, train) if why is None else ("off", why)
        settling.chose("data.cache", *answer)
    kept, whole, crops = is_kept(settling.config), form.side is not None, config.data.augment == "standard"
    for key, acts in (("cache_side", kept and whole), ("crops", kept and crops)):
        if not acts and getattr(config.data, key) != "auto":
            settling.chose(
                f"data.{key}", "auto", "it has no effect: no pixels are kept that random crops are taken from"
            )
    if kept and whole and config.data.cache_side == "auto":
        settling.chose("data.cache_side", form.side, "1.5 times what the model sees, for random crops")
    if kept and crops and config.data.crops == "auto":
        gpu = config.train.device.startswith("cuda")
        why = "a GPU crops faster than workers" if gpu else "without a GPU, workers crop faster"
        settling.chose("data.crops", "device" if gpu else "workers", why)


def _answer(
    settling: Settling, samples: Samples, facts: Scan, contract: Contract, train: NDArray[np.int64]
) -> tuple[str, str]:
    """Whether to keep pixels that may be kept, and why."""
    config = settling.config
    passes = config.train.epochs
    if config.train.steps is not None:
        passes = config.train.steps / steps_per_epoch(len(train), int(config.train.batch_size))
    form, val = training_form(config, contract), samples.part("val")
    size = bytes_kept(form, samples, facts, train) + bytes_kept(Form(contract), samples, facts, val)
    return _verdict(float(passes), size, settling)


def bytes_kept(form: Form, samples: Samples, facts: Scan, indices: NDArray[np.int64]) -> int:
    """Bytes on disk that these images take in a form."""
    if samples.pixels is not None and form.is_as_given(samples.pixels):
        return 0
    return form.bytes_of(facts.rows["width"][indices], facts.rows["height"][indices])


def _verdict(passes: float, size: int, settling: Settling) -> tuple[str, str]:
    """``on`` or ``off``, and why."""
    if passes <= 1:
        return "off", "no image is used twice"
    if not size:
        return "on", "the images are in memory already, nothing is written"
    disk, memory = room(kept_folder(settling.config)), free_memory()
    for free, name in ((disk, "on the disk"), (memory, "in memory")):
        if size > _SHARE * free:
            return "off", f"pixels of {size_told(size)} are too many for {size_told(free)} free {name}"
    return "on", f"pixels of {size_told(size)} fit {size_told(disk)} on the disk and {size_told(memory)} in memory"


def settle_workers(
    settling: Settling,
    samples: Samples,
    contract: Contract,
    train: NDArray[np.int64],
    step: Callable[[int], float] | None,
) -> None:
    """As many workers as keep the training fed, measured on its first batches.

    Args:
        settling: the settings so far.
        samples: all samples.
        contract: what the model sees.
        train: places of the training samples.
        step: seconds of a training step on so many images; ``None`` where that cannot be measured.
    """
    config = settling.config
    if config.data.workers != "auto":
        return
    most = max(1, cores() // distributed.local_world())
    if step is None:
        settling.chose("data.workers", most, "one for each core; the step of a divided network is not measured")
        return
    indices = train[: min(len(train), _LOOK_AT, max(1, int(config.train.batch_size) // int(config.train.accumulate)))]
    images = held(samples, training_form(config, contract), indices) if is_kept(config) else None
    dataset = training_dataset(samples, contract, config, images, pin=False)
    making, training = _seconds_of(dataset, Piece(0, indices)), step(len(indices))
    if not math.isfinite(training):
        settling.chose("data.workers", most, "one for each core; a step on so many images at a time cannot be measured")
        return
    needed = math.ceil(_SLACK * making / training) if making > _FREE * training else 0
    kind = "threads" if dataset.in_threads else "processes"
    figures = f"{1000 * making:.3g} ms to make and {1000 * training:.3g} ms to train on {len(indices)} images"
    settling.chose("data.workers", min(most, needed), f"{kind}; {figures}")


def _seconds_of(dataset: Any, piece: Piece) -> float:
    """Least seconds that a batch takes to make, of a few tries."""
    times, began = list[float](), time.perf_counter()
    while len(times) < 4 and time.perf_counter() - began < _SECONDS:
        start = time.perf_counter()
        item = dataset[piece]
        times.append(time.perf_counter() - start)
        if isinstance(item, Exception):
            raise item
    return min(times)
