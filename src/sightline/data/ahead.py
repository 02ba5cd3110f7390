"""Batches on the device: copied, and cropped there where that is left to it, while the model computes on the last."""

import contextlib
import dataclasses
from collections.abc import Generator, Iterator

import torch

from sightline.data.contract import Contract
from sightline.data.device_crops import finished
from sightline.data.loader import Batch


def on_device(batches: Generator[Batch], device: torch.device, contract: Contract) -> Iterator[Batch]:
    """The batches with everything that the loss needs on the device, and images as the model sees them.

    On a GPU the next batch is on its way, on a stream of its own, while the caller works with one.

    Args:
        batches: as the loader makes them, in pinned memory for a GPU.
        device: where the model is.
        contract: what the model sees.
    """
    with contextlib.closing(batches):
        if device.type != "cuda":
            for batch in batches:
                yield _there(batch, device, contract)
            return
        stream = torch.cuda.Stream(device)
        coming: tuple[Batch, torch.Event] | None = None
        for batch in batches:
            following = _sent(batch, device, contract, stream)
            if coming is not None:
                yield _arrived(*coming)
            coming = following
        if coming is not None:
            yield _arrived(*coming)


def _sent(
    batch: Batch, device: torch.device, contract: Contract, stream: torch.cuda.Stream
) -> tuple[Batch, torch.Event]:
    with torch.cuda.stream(stream):
        return _there(batch, device, contract), torch.cuda.current_stream(device).record_event()


def _arrived(batch: Batch, event: torch.Event) -> Batch:
    """Work that the caller queues from now on comes after the copy; its memory is not given away before that work."""
    current = torch.cuda.current_stream(batch.pixels.device)
    current.wait_event(event)
    for tensor in (batch.pixels, batch.targets):
        tensor.record_stream(current)
    return batch


def _there(batch: Batch, device: torch.device, contract: Contract) -> Batch:
    pixels, targets = (tensor.to(device, non_blocking=True) for tensor in (batch.pixels, batch.targets))
    if batch.unfinished is not None:
        pixels = finished(pixels, batch.unfinished.to(device, non_blocking=True), contract)
    return dataclasses.replace(batch, pixels=pixels, targets=targets, unfinished=None)
