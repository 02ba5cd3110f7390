"""Batches for the model, made in order by any number of workers: processes that decode, or threads that crop.

A worker is told which batch to make and works out everything else from the seed, so the number of workers changes
nothing, and a resumed run asks for the batches that are still missing.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from sightline.data.augment.pipeline import Pipeline
from sightline.data.batched import BatchTransform
from sightline.data.derive import image_of
from sightline.data.draws import Keys, stream_keys
from sightline.data.kept import Images, picture
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
    """int64 ``[n]``: place of the class; or float32 ``[n, classes]``: labels or numbers."""
    indices: torch.Tensor
    """int64 ``[n]``: place of the sample."""
    weights: torch.Tensor | None = None
    """float32 ``[n]``: weight of the sample in the loss; ``None``: all weigh 1."""
    unfinished: torch.Tensor | None = None
    """float32 ``[n, k]``: what is still to be done to the images on the device; ``None``: nothing."""
    answers: torch.Tensor | None = None
    """float32 ``[n, classes]``: what a teacher said about the originals; ``None``: nobody asked."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """A share of a batch: for which epoch and of which samples."""

    epoch: int
    indices: NDArray[np.int64]
    repeats: NDArray[np.int64] | None = None
    """How often each came before in this epoch; ``None``: never."""


class Pieces(Dataset[Any]):
    """Makes the batch for a ``Piece``, image by image. One that cannot be decoded comes back as its error.

    Args:
        samples: the images and their labels.
        transform: what is done to each image.
        seed: that of the run.
        images: kept pixels; where missing, images are decoded.
    """

    in_threads = False
    """Whether threads may make batches at the same time."""

    def __init__(self, samples: Samples, transform: Transform, seed: int, images: Images | None = None):
        self.samples, self.transform, self.seed, self.images = samples, transform, seed, images
        framed = images is not None and images.form.side is None
        self._of_frame = transform.of_frame if framed and isinstance(transform, Pipeline) else None

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
            torch.from_numpy(self.samples.targets_of(piece.indices)),
            torch.from_numpy(piece.indices),
        )

    def _image(self, index: int, epoch: int, turn: int) -> NDArray[np.uint8]:
        seed = stream_key(self.seed, *((epoch, index, turn) if turn else (epoch, index)))
        if self.images is not None and self._of_frame is not None:
            return self._of_frame(self.images.image(index), seed)
        image = image_of(self.samples, index) if self.images is None else picture(self.images.image(index))
        try:
            return self.transform(image, seed)
        except ImageError as error:  # a transform sees pixels and knows no names
            raise ImageError(
                error.what, where=self.samples.paths[index], got=error.got, allowed=error.allowed
            ) from error


class KeptPieces(Pieces):
    """What makes whole batches from kept pixels.

    Args:
        samples: the images and their labels.
        seed: that of the run.
        images: the pixels.
        pin: whether batches lie in pinned memory, from which a GPU fetches them while it computes.
    """

    in_threads = True

    def __init__(self, samples: Samples, seed: int, images: Images, pin: bool):
        self.samples, self.seed, self.images, self.pin = samples, seed, images, pin

    def labelled(self, piece: Piece) -> tuple[torch.Tensor, torch.Tensor]:
        """Targets and places of the samples of a piece."""
        targets = torch.from_numpy(self.samples.targets_of(piece.indices))
        return targets.pin_memory() if self.pin else targets, torch.from_numpy(piece.indices)

    def keys(self, piece: Piece) -> Keys:
        """The seed of each image of a piece."""
        keys = stream_keys(self.seed, piece.epoch, piece.indices)
        if piece.repeats is not None:
            for place in np.flatnonzero(piece.repeats).tolist():
                places = (piece.epoch, int(piece.indices[place]), int(piece.repeats[place]))
                keys[place] = stream_key(self.seed, *places)
        return keys


class BatchPieces(KeptPieces):
    """Makes the batch for a ``Piece`` from kept pixels, as the model sees it.

    Args:
        samples: the images and their labels.
        transform: fills a batch.
        seed: that of the run.
        images: the pixels, in the form that the transform needs.
        pin: whether batches lie in pinned memory.
    """

    def __init__(self, samples: Samples, transform: BatchTransform, seed: int, images: Images, pin: bool = False):
        super().__init__(samples, seed, images, pin)
        self.fill = transform

    def __getitem__(self, piece: Piece) -> Any:
        contract = self.images.form.contract
        shape = (len(piece.indices), contract.height, contract.width, contract.channels)
        pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=self.pin)
        try:
            self.fill(self.images, piece.indices, self.keys(piece), pixels.numpy())
        except ImageError as error:
            return error
        return pixels, *self.labelled(piece)


def load(
    dataset: Pieces, pieces: Sequence[Piece] | Iterable[Piece], workers: int, pin: bool = False, ahead: int = 4
) -> Generator[Batch]:
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
    way = _in_threads if dataset.in_threads else _in_processes
    made = way(dataset, pieces, workers, pin, ahead)
    with contextlib.closing(made):  # at once, also on an error: whoever works ahead ends with it
        for item in made:
            if isinstance(item, DataError):
                raise item
            yield Batch(*item)


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
        worker_init_fn=deaf if workers else None,
        multiprocessing_context="fork" if workers and hasattr(os, "fork") else None,
    )
    yield from items_of(loader)


def _in_threads(
    dataset: Pieces, pieces: Sequence[Piece] | Iterable[Piece], workers: int, pin: bool, ahead: int
) -> Generator[Any]:
    """Cropping leaves Python's lock, and threads hand a batch over without copying it; it is pinned already."""
    del pin
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
