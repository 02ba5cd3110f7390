"""Batches for the model, made in order by any number of worker processes.

A worker is told which batch to make and works out everything else from the seed, so the number of workers changes
nothing, and a resumed run asks for the batches that are still missing.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from sightline.data.derive import image_of
from sightline.data.order import batch_bounds, repeats, steps_per_epoch, stream_key
from sightline.data.samples import Samples
from sightline.data.transforms import Transform
from sightline.data.workers import deaf, items_of
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
    weights: torch.Tensor | None = None
    """float32 ``[n]``: weight of the sample in the loss; ``None``: all weigh 1."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """A share of a batch: for which epoch and of which samples."""

    epoch: int
    indices: NDArray[np.int64]
    repeats: NDArray[np.int64] | None = None
    """How often each came before in this epoch; ``None``: never."""


class Pieces(Dataset[Any]):
    """Makes the batch for a ``Piece``. An image that cannot be decoded comes back as its error."""

    def __init__(self, samples: Samples, transform: Transform, seed: int):
        self.samples, self.transform, self.seed = samples, transform, seed

    def __getitem__(self, piece: Piece) -> Any:
        again = np.zeros(len(piece.indices), np.int64) if piece.repeats is None else piece.repeats
        try:
            images = [
                self._image(int(index), piece.epoch, int(turn))
                for index, turn in zip(piece.indices, again, strict=True)
            ]
        except ImageError as error:
            return error
        return (
            torch.from_numpy(np.stack(images)),
            torch.from_numpy(self.samples.labels[piece.indices].astype(np.int64)),
            torch.from_numpy(piece.indices),
        )

    def _image(self, index: int, epoch: int, turn: int) -> NDArray[np.uint8]:
        image = image_of(self.samples, index)
        places = (epoch, index, turn) if turn else (epoch, index)
        try:
            return self.transform(image, stream_key(self.seed, *places))
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
        worker_init_fn=deaf if workers else None,
        multiprocessing_context="fork" if workers and hasattr(os, "fork") else None,
    )
    for item in items_of(loader):
        if isinstance(item, DataError):
            raise item
        yield Batch(*item)


def training_pieces(
    indices: NDArray[np.int64],
    *,
    order: Callable[[int], NDArray[np.int64]],
    batch_size: int,
    accumulate: int,
    rank: int,
    world: int,
    first_step: int,
    last_step: int,
) -> Iterator[Piece]:
    """The micro-batches of one rank for the steps ``first_step … last_step-1``, ``accumulate`` to a step.

    Each step takes the next batch of the epoch's order; its samples go to the ranks and micro-batches in turn, so that
    every sample of the order is used once in an epoch whatever the number of ranks.

    Args:
        indices: places of the training samples.
        order: from the epoch to as many places in ``indices``, which may repeat.
        batch_size: samples of one step, over all ranks and micro-batches.
        accumulate: micro-batches of a step.
        rank: which of the ranks asks.
        world: how many there are.
        first_step: the step to begin with.
        last_step: the step to end before.

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
    chosen, again, chosen_epoch = np.empty(0, np.int64), np.empty(0, np.int64), -1
    for step in range(first_step, last_step):
        epoch, place = divmod(step, per_epoch)
        if epoch != chosen_epoch:
            places = order(epoch)
            chosen, again, chosen_epoch = indices[places], repeats(places), epoch
        begin, end = batch_bounds(len(indices), batch_size, place)
        mine, turns = chosen[begin:end][rank::world], again[begin:end][rank::world]
        for micro in range(accumulate):
            yield Piece(epoch, mine[micro::accumulate], turns[micro::accumulate])


def evaluation_pieces(indices: NDArray[np.int64], batch_size: int, rank: int = 0, world: int = 1) -> list[Piece]:
    """The batches of one rank for one pass over these samples; every sample is in exactly one piece of one rank."""
    mine = indices[rank::world]
    return [Piece(0, mine[start : start + batch_size]) for start in range(0, len(mine), batch_size)]
