"""What feeds a training and its evaluations with batches."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.data.ahead import on_device
from sightline.data.cache import open_cache
from sightline.data.cache_build import build_cache
from sightline.data.kept import Form, Images
from sightline.data.loader import Batch, Piece, Pieces, load
from sightline.errors import RunError
from sightline.workflow.auto_feed import bytes_kept
from sightline.workflow.balance import training_part
from sightline.workflow.prepare import Prepared
from sightline.workflow.say import Say
from sightline.workflow.source import (
    evaluation_dataset,
    is_kept,
    kept_folder,
    size_told,
    training_dataset,
    training_form,
)
from sightline.workflow.watching import seen_part


class Feed:
    """The batches of a training and of its evaluations.

    Args:
        prepared: what training starts from.
    """

    def __init__(self, prepared: Prepared):
        self.prepared = prepared
        self.whole: Images | None = None
        self.frames: Images | None = None

    def open(self, say: Say) -> None:
        """Open the cache where one is used, and build what is missing in it. Without room, images are decoded."""
        own = self.prepared
        config, train = own.config, training_part(own.samples, own.config)
        judged = np.union1d(own.samples.part("val"), seen_part(own.samples, config))
        if not is_kept(config):
            return
        form = training_form(config, own.contract)
        if form.side is not None:
            self.whole = self._built(form, train, say)
            self.frames = self._built(Form(own.contract), judged, say)
        else:
            self.frames = self._built(form, np.union1d(train, judged), say)

    def _built(self, form: Form, indices: NDArray[np.int64], say: Say) -> Images:
        own = self.prepared
        folder, samples, hashes = kept_folder(own.config), own.samples, own.hashes
        opened = open_cache(samples, hashes, form, folder)
        missing = indices[opened.absent(indices)]
        if not len(missing):
            return opened
        what = "frames" if form.side is None else f"images of up to {form.side} pixels"
        size = "" if own.facts is None else f", {size_told(bytes_kept(form, samples, own.facts, missing))}"
        say.note(f"keeping {len(missing)} {what} in {folder}{size}")
        try:
            with say.progress("decoding") as progress:
                return build_cache(
                    samples, form.contract, side=form.side, hashes=hashes, indices=indices, folder=folder,
                    progress=progress,
                )  # fmt: skip
        except RunError as error:
            say.note(f"images that are not kept are decoded each time: {error.what} ({error.where}): {error.got}")
            return open_cache(samples, hashes, form, folder)

    def training(self, device: torch.device) -> Pieces:
        """What makes the training batches."""
        own = self.prepared
        images = self.whole or self.frames
        return training_dataset(own.samples, own.contract, own.config, images, device.type == "cuda")

    def judging(self, device: torch.device) -> Pieces:
        """What makes the batches of an evaluation: exactly the contract's pixels."""
        own = self.prepared
        return evaluation_dataset(own.samples, own.contract, own.config, self.frames, device.type == "cuda")

    def batches(self, dataset: Pieces, pieces: Iterable[Piece], device: torch.device) -> Iterator[Batch]:
        """The batches for these pieces, made ahead by as many workers as were settled, on the device."""
        data = self.prepared.config.data
        made = load(dataset, pieces, int(data.workers), device.type == "cuda", data.prefetch)
        return on_device(made, device, self.prepared.contract)
