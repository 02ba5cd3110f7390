"""Batches for the model, made in order by any number of worker processes.

A worker is told which batch to make and works out everything else from the seed, so the number of workers changes
nothing, and a resumed run asks for the batches that are still missing.
"""

import dataclasses
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from sightline.data.derive import image_of
from sightline.data.order import batch_bounds, epoch_order, steps_per_epoch, stream_key
from sightline.data.samples import Samples
from sightline.data.transforms import Transform
from sightline.errors import DataError, ImageError


@dataclasses.dataclass(frozen=True)
class Batch:
    """Images of one micro-batch."""

    pixels: torch.Tensor
    """uint8 ``[n, height, width, channels]``."""
    targets: torch.Tensor
    """int64 ``[n]``: place of the class."""
    indices: torch.Tensor
    """int64 ``[n]``: place of the sample."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """A share of a batch: for which epoch and of which samples."""

    epoch: int
    indices: NDArray[np.int64]


class Pieces(Dataset[Any]):
    """Makes the batch for a ``Piece``. An image that cannot be decoded comes back as its error."""

    def __init__(self, samples: Samples, transform: Transform, seed: int):
        self.samples, self.transform, self.seed = samples, transform, seed

    def __getitem__(self, piece: Piece) -> Any:
        try:
            images = [self._image(int(index), piece.epoch) for index in piece.indices]
        except ImageError as error:
            return error
        return (
            torch.from_numpy(np.stack(images)),
            torch.from_numpy(self.samples.labels[piece.indices].astype(np.int64)),
            torch.from_numpy(piece.indices),
        )

    def _image(self, index: int, epoch: int) -> NDArray[np.uint8]:
        image = image_of(self.samples, index)
        try:
            return self.transform(image, stream_key(self.seed, epoch, index))
        except ImageError as error:  # a transform sees pixels and knows no names
            raise ImageError(
                error.what, where=self.samples.paths[index], got=error.got, allowed=error.allowed
            ) from error


def load(
    dataset: Pieces, pieces: Sequence[Piece] | Iterable[Piece], workers: int, pin: bool = False
) -> Iterator[Batch]:
    """Make the batches for these pieces, in their order.

    Raises:
        ImageError: an image cannot be decoded; names it.
    """
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=pieces,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=pin,
        worker_init_fn=_quiet_worker if workers else None,
        multiprocessing_context="fork" if workers and hasattr(os, "fork") else None,
    )
    for item in loader:
        if isinstance(item, DataError):
            raise item
        yield Batch(*item)


def training_pieces(  # noqa: PLR0913 - all by name
    indices: NDArray[np.int64],
    *,
    seed: int,
    batch_size: int,
    accumulate: int,
    rank: int,
    world: int,
    first_step: int,
    last_step: int,
    order_of: Callable[[int], NDArray[np.int64]] | None = None,
) -> Iterator[Piece]:
    """The micro-batches of one rank for the steps ``first_step … last_step-1``, ``accumulate`` to a step.

    Each step takes the next batch of the epoch's order; its samples go to the ranks and micro-batches in turn, so that
    every sample is used once in an epoch whatever the number of ranks. ``order_of`` gives ``indices`` in the order of
    an epoch; where missing, they are shuffled as a whole.

    Raises:
        DataError: a batch has fewer samples than there are ranks and micro-batches.
    """
    per_epoch = steps_per_epoch(len(indices), batch_size)
    if len(indices) // per_epoch < world * accumulate:
        raise DataError(
            "a batch has fewer samples than there are ranks and micro-batches",
            where="train.batch_size, train.accumulate",
            got=f"{len(indices) // per_epoch} samples for {world} ranks x {accumulate} micro-batches",
            hint="use a larger batch, less accumulation or fewer ranks",
        )
    order, order_epoch = np.empty(0, np.int64), -1
    for step in range(first_step, last_step):
        epoch, place = divmod(step, per_epoch)
        if epoch != order_epoch:
            shuffled = indices[epoch_order(seed, epoch, len(indices))] if order_of is None else order_of(epoch)
            order, order_epoch = shuffled, epoch
        begin, end = batch_bounds(len(indices), batch_size, place)
        mine = order[begin:end][rank::world]
        for micro in range(accumulate):
            yield Piece(epoch, mine[micro::accumulate])


def evaluation_pieces(indices: NDArray[np.int64], batch_size: int, rank: int = 0, world: int = 1) -> list[Piece]:
    """The batches of one rank for one pass over these samples; every sample is in exactly one piece of one rank."""
    mine = indices[rank::world]
    return [Piece(0, mine[start : start + batch_size]) for start in range(0, len(mine), batch_size)]


def _quiet_worker(_: int) -> None:
    """Signals to the whole process group are for the process that trains; it ends its workers itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
