"""What a network makes of images before its last layer decides."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sightline.data.loader import Batch
from sightline.errors import ModelError
from sightline.model.build import Built
from sightline.task.task import Task


@torch.inference_mode()
def embeddings_of(built: Built, task: Task, batches: Iterable[Batch], device: torch.device) -> NDArray[np.float32]:
    """What goes into the head for each image, ``[n, features]``; maps are averaged over their places.

    Args:
        built: the network, which is put into evaluation mode.
        task: scales the pixels as the contract says.
        batches: images as the contract made them.
        device: where the network is.

    Raises:
        ModelError: the network has no head that could be left out.
    """
    head, kept = _head(built), list[torch.Tensor]()

    def keep(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        features = inputs[0].float()
        kept.append((features.mean(dim=(2, 3)) if features.ndim == 4 else features.flatten(1)).cpu())

    built.module.eval()
    hook = head.register_forward_pre_hook(keep)
    try:
        for batch in batches:
            built.module(task.inputs(batch.pixels, device, torch.contiguous_format))
    finally:
        hook.remove()
    return torch.cat(kept).numpy() if kept else np.zeros((0, 0), np.float32)


def _head(built: Built) -> nn.Module:
    """The module that all parameters of the head belong to."""
    owners = {name.rpartition(".")[0] for name in built.head}
    if len(owners) != 1:
        raise ModelError(
            "the model has no single last layer, so it gives no embeddings",
            where="model.name",
            got=", ".join(sorted(owners)) or "no linear layer",
            hint="name another model",
        )
    return built.module.get_submodule(owners.pop())
