"""The contestants of ``loader.py``: each gives a function from the number of an epoch to its batches."""

import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from loader import MEAN, SHIFT, SIDE, SMALL_SIDE, STD, Trial

from sightline.data.ahead import on_device
from sightline.data.batched import CroppedWholes, MovedFrames
from sightline.data.cache import packed
from sightline.data.cache_build import build_cache
from sightline.data.contract import Contract
from sightline.data.cropped import Crops
from sightline.data.device_crops import UncutPieces
from sightline.data.loader import BatchPieces, Piece, Pieces, load, training_pieces
from sightline.data.order import epoch_order, steps_per_epoch
from sightline.data.read import read
from sightline.data.samples import Names, Samples
from sightline.data.scan import scan
from sightline.files import cache_folder
from sightline.task.classification import Classification
from sightline.training.config import LossConfig
from sightline.training.losses import make_loss
from sightline.training.memory import keep_freed_memory

Epoch = Callable[[int], Iterator[torch.Tensor]]


def torchvision(trial: Trial) -> Epoch:
    """What torchvision's own training examples do."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    last = [transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize(*scale(trial.small))]
    if trial.small:
        first = [transforms.Grayscale(), transforms.RandomCrop(SMALL_SIDE, padding=SHIFT, padding_mode="edge")]
    else:
        first = [transforms.RandomResizedCrop(SIDE, scale=(0.25, 1.0))]
    dataset = datasets.ImageFolder(trial.folder, transforms.Compose([*first, *last]))
    pin = trial.device == "cuda"
    loader = DataLoader(dataset, trial.batch, shuffle=True, num_workers=trial.workers, pin_memory=pin)
    return lambda _: (images.to(trial.device, non_blocking=True) for images, _ in loader)


def timm(trial: Trial) -> Epoch:
    """timm's loader for training, with its prefetcher."""
    from timm.data import create_dataset, create_loader

    mean, std = scale(trial.small)
    side = SMALL_SIDE if trial.small else SIDE
    loader = create_loader(
        create_dataset("", trial.folder),
        input_size=(len(mean), side, side),
        batch_size=trial.batch,
        is_training=True,
        no_aug=False,
        scale=(0.25, 1.0),
        hflip=0.5,
        color_jitter=None,
        interpolation="bilinear",
        mean=mean,
        std=std,
        num_workers=trial.workers,
        pin_memory=trial.device == "cuda",
        use_prefetcher=True,
        persistent_workers=False,
        device=torch.device(trial.device),
    )
    return lambda _: (images for images, _ in loader)


def ours(trial: Trial, contestant: str) -> Epoch:
    """The road that ``sightline train`` takes, without the model."""
    keep_freed_memory()
    small, device, batch_size, fresh = trial.small, torch.device(trial.device), trial.batch, contestant == "cold"
    mean, std = scale(small)
    side = SMALL_SIDE if small else SIDE
    samples = read(trial.folder)
    contract = Contract(
        classes=samples.classes, color="gray" if small else "rgb", height=side, width=side, resize="squash",
        shorter=side, interpolation="bilinear", mean=mean, std=std,
    )  # fmt: skip
    crops = Crops(contract=contract, flip=True, jitter=0.0)
    fill = MovedFrames(contract, True) if small else CroppedWholes(crops)
    kept_side = None if small else round(1.5 * side)
    task = Classification(contract, make_loss(LossConfig()))
    hashes = packed(scan(samples).rows["sha256"])
    place = Path(tempfile.mkdtemp(dir=folder_of_caches())) if fresh else None
    steps, everything = steps_per_epoch(len(samples), batch_size), np.arange(len(samples))
    order = functools.partial(epoch_order, 0, count=len(samples))
    opened = functools.partial(build_cache, samples, contract, side=kept_side, hashes=hashes, folder=place)
    if not fresh:
        opened()

    def epoch(turn: int) -> Iterator[torch.Tensor]:
        pieces = training_pieces(
            everything, order=order, batch_size=batch_size, accumulate=1, rank=0, world=1,
            first_step=turn * steps, last_step=(turn + 1) * steps,
        )  # fmt: skip
        pin = device.type == "cuda"
        if contestant == "device":
            made = UncutPieces(samples, crops, 0, opened(), pin)
        else:
            made = BatchPieces(samples, fill, 0, opened(), pin)
        for batch in on_device(load(made, pieces, trial.threads, pin), device, contract):
            yield task.inputs(batch.pixels, device, torch.contiguous_format)

    return epoch


def folder_of_caches() -> str:
    """Below the benchmark's own cache, which goes away with it."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    return str(cache_folder())


def scale(small: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation."""
    return ((0.286,), (0.353,)) if small else (MEAN, STD)


def shared_list(count: int, workers: int) -> dict[str, float]:
    """By how many megabytes worker processes grow while they go through a shared list of so many paths."""
    names = Names.of(f"class-{number % 10:03d}/image_{number:012d}.jpg" for number in range(count))
    labels = np.arange(count, dtype=np.int32) % 10
    samples = Samples(
        root=Path(), paths=names, labels=labels, classes=tuple("0123456789"), parts=np.zeros(count, np.int8)
    )
    pieces = [Piece(0, part) for part in np.array_split(np.arange(count), 4 * workers)]
    seen = torch.cat([batch.pixels for batch in load(PathsOnly(samples, lambda *_: np.empty(0), 0), pieces, workers)])
    grown = {int(process): float(kilobytes) for process, kilobytes in seen.tolist()}  # the last word of each
    size = names.block.nbytes + names.offsets.nbytes + labels.nbytes + samples.parts.nbytes
    figures = {"paths": count, "list MB": round(size / 1e6, 1), "workers": len(grown)}
    return figures | {"most that one grows MB": round(max(grown.values()) / 1024, 1)}


class PathsOnly(Pieces):
    """Looks at every path and label and decodes nothing; a batch is its process and the growth of its own memory."""

    first = -1

    def __getitem__(self, piece: Piece) -> tuple[torch.Tensor, ...]:
        """Go through the paths."""
        if self.first < 0:
            self.first = private()
        for index in piece.indices.tolist():
            assert self.samples.paths[index].endswith(".jpg") and self.samples.labels[index] >= 0
        return torch.tensor([[os.getpid(), private() - self.first]]), torch.zeros(1), torch.zeros(1)


def private() -> int:
    """Kilobytes that belong to this process alone."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return sum(int(words[1]) for words in lines if words[0].startswith("Private_"))
