"""Running a model over images: the logits of each, once."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sightline.data.loader import Batch
from sightline.evaluation.tally import Tally
from sightline.task.task import Task


@torch.inference_mode()
def logits_of(
    module: nn.Module,
    task: Task,
    batches: Iterable[Batch],
    device: torch.device,
    layout: torch.memory_format = torch.contiguous_format,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """The logits of each batch, in float32.

    Args:
        module: the network; it is put into evaluation mode.
        task: scales the pixels as the contract says.
        batches: images as the contract made them.
        device: where the network is.
        layout: memory layout of the images.

    Yields:
        The places of the samples ``[n]`` and their logits ``[n, classes]``.
    """
    module.eval()
    for batch in batches:
        logits = module(task.inputs(batch.pixels, device, layout)).float()
        yield batch.indices.numpy(), logits.cpu().numpy()


@torch.inference_mode()
def tallied(
    module: nn.Module,
    tally: Tally,
    batches: Iterable[Batch],
    device: torch.device,
    layout: torch.memory_format = torch.contiguous_format,
) -> torch.Tensor:
    """Add up what a network makes of these batches; the sums, as in ``Tally.sums``.

    Args:
        module: the network; it is put into evaluation mode.
        tally: starts from zero, and knows the task.
        batches: images as the contract made them.
        device: where the network is.
        layout: memory layout of the images.
    """
    module.eval()
    for batch in batches:
        targets = batch.targets.to(device)
        tally.add(tally.task.outcome(module, tally.task.inputs(batch.pixels, device, layout), targets), targets)
    return tally.sums
