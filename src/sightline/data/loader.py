"""Batches for the model, made in order by any number of workers: processes that decode, or threads that crop.

A worker is told which batch to make and works out everything else from the seed, so the number of workers changes
nothing, and a resumed run asks for the batches that are still missing.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import os
import signal
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from sightline.data.cached_crop import BatchTransform
from sightline.data.derive import image_of
from sightline.data.draws import stream_keys
from sightline.data.kept import Images, picture
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
    """Makes the batch for a ``Piece``. An image that cannot be decoded comes back as its error.

    Args:
        samples: the images and their labels.
        transform: what is done to each image.
        seed: that of the run.
        images: where the pixels are taken from; where missing, the files are decoded.
    """

    in_threads = False
    """Whether threads may make batches at the same time."""

    def __init__(self, samples: Samples, transform: Transform, seed: int, images: Images | None = None):
        self.samples, self.transform, self.seed, self.images = samples, transform, seed, images

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
        image = image_of(self.samples, index) if self.images is None else picture(self.images.image(index))
        try:
            return self.transform(image, stream_key(self.seed, epoch, index))
        except ImageError as error:  # a transform sees pixels and knows no names
            raise ImageError(
                error.what, where=self.samples.paths[index], got=error.got, allowed=error.allowed
            ) from error


class BatchPieces(Pieces):
    """Makes the batch for a ``Piece`` as a whole, from kept pixels.

    Args:
        samples: the images and their labels.
        transform: fills a batch.
        seed: that of the run.
        images: the pixels, in the form that the transform needs.
        pin: whether the batch lies in pinned memory, from which a GPU fetches it while it computes.
    """

    in_threads = True

    def __init__(self, samples: Samples, transform: BatchTransform, seed: int, images: Images, pin: bool = False):
        self.samples, self.fill, self.seed, self.images, self.pin = samples, transform, seed, images, pin

    def __getitem__(self, piece: Piece) -> Any:
        contract = self.images.form.contract
        shape = (len(piece.indices), contract.height, contract.width, contract.channels)
        pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=self.pin)
        try:
            self.fill(self.images, piece.indices, stream_keys(self.seed, piece.epoch, piece.indices), pixels.numpy())
        except ImageError as error:
            return error
        targets = torch.from_numpy(self.samples.labels[piece.indices].astype(np.int64))
        return pixels, targets.pin_memory() if self.pin else targets, torch.from_numpy(piece.indices)


def load(
    dataset: Pieces, pieces: Sequence[Piece] | Iterable[Piece], workers: int, pin: bool = False, ahead: int = 4
) -> Iterator[Batch]:
    """Make the batches for these pieces, in their order.

    Args:
        dataset: makes a batch; says whether threads may do it.
        pieces: what is in each batch.
        workers: processes or threads beside this one; 0: each batch is made when it is asked for.
        pin: whether batches made by processes are moved into pinned memory.
        ahead: batches that each worker makes before they are asked for.

    Raises:
        ImageError: an image cannot be decoded; names it.
    """
    if dataset.in_threads:
        made = _in_threads(dataset, pieces, workers, ahead)
    else:
        made = _in_processes(dataset, pieces, workers, pin, ahead)
    # Closed at once, also on an error: worker processes do not hear the signal that would end them at exit.
    with contextlib.closing(made):
        for item in made:
            if isinstance(item, DataError):
                raise item
            yield Batch(*item)


def _in_threads(dataset: Pieces, pieces: Iterable[Piece], workers: int, ahead: int) -> Generator[Any]:
    """Cropping leaves Python's lock, and threads hand a batch over without copying it."""
    if not workers:
        yield from (dataset[piece] for piece in pieces)
        return
    waiting = collections.deque[concurrent.futures.Future[Any]]()
    with concurrent.futures.ThreadPoolExecutor(workers, "loader") as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(dataset.__getitem__, piece))
                if len(waiting) > workers * ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _in_processes(
    dataset: Pieces, pieces: Sequence[Piece] | Iterable[Piece], workers: int, pin: bool, ahead: int
) -> Generator[Any]:
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=pieces,
        num_workers=workers,
        prefetch_factor=ahead if workers else None,
        pin_memory=pin,
        worker_init_fn=_quiet_worker if workers else None,
        multiprocessing_context="fork" if workers and hasattr(os, "fork") else None,
    )
    yield from loader


def training_pieces(
    indices: NDArray[np.int64],
    *,
    seed: int,
    batch_size: int,
    accumulate: int,
    rank: int,
    world: int,
    first_step: int,
    last_step: int,
) -> Iterator[Piece]:
    """The micro-batches of one rank for the steps ``first_step … last_step-1``, ``accumulate`` to a step.

    Each step takes the next batch of the epoch's order; its samples go to the ranks and micro-batches in turn, so that
    every sample is used once in an epoch whatever the number of ranks.

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
            order, order_epoch = indices[epoch_order(seed, epoch, len(indices))], epoch
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
