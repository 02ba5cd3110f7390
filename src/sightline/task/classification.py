"""One class an image."""

import dataclasses
from collections.abc import Callable

import torch
from torch import nn

from sightline.data.contract import Contract

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits ``[n, classes]``, targets ``[n]`` or their shares ``[n, classes]``) -> loss of each sample ``[n]``."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a micro-batch gave. Sums, not means, so that batches of any size add up."""

    loss: torch.Tensor
    """Sum of the samples' losses, each times the weight of its sample; differentiable."""
    correct: torch.Tensor
    """How many samples got the right label. A mixed sample counts as the share of its target that was hit."""
    count: int
    """Samples in the micro-batch."""


class Classification:
    """Turns a batch into losses and predictions.

    Args:
        contract: gives the scaling of the pixels and the classes.
        loss: the loss of each sample.
    """

    name = "classification"

    def __init__(self, contract: Contract, loss: LossFunction):
        self.contract, self.loss = contract, loss
        self._mean = torch.tensor(contract.mean)[:, None, None] * 255
        self._scale = 1 / (torch.tensor(contract.std)[:, None, None] * 255)

    def inputs(self, pixels: torch.Tensor, device: torch.device, layout: torch.memory_format) -> torch.Tensor:
        """uint8 ``[n, h, w, channels]`` to the model's input: scaled float32 ``[n, channels, h, w]`` on the device."""
        images = pixels.to(device, non_blocking=True).permute(0, 3, 1, 2)
        # A single channel laid out as channels_last has the strides of both layouts, and convolutions get slow.
        layout = torch.contiguous_format if images.shape[1] == 1 else layout
        # One pass that converts and lays out, then two in place: five times quicker on a CPU than new tensors.
        scaled = torch.empty(images.shape, dtype=torch.float32, device=device, memory_format=layout).copy_(images)
        return scaled.sub_(self._mean.to(device)).mul_(self._scale.to(device))

    def outcome(
        self, model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> Outcome:
        """Run the model on inputs ``[n, channels, h, w]`` and compare.

        Args:
            model: gives logits ``[n, classes]``.
            inputs: scaled images.
            targets: classes ``[n]``, or the shares of each class ``[n, classes]`` where images were mixed.
            weights: weight of each sample in the loss ``[n]``; ``None``: all weigh 1.
        """
        logits = model(inputs).float()
        losses = self.loss(logits, targets)
        if weights is not None:
            losses = losses * weights
        predicted = logits.detach().argmax(dim=1)
        right = predicted == targets if targets.ndim == 1 else targets.gather(1, predicted[:, None])
        return Outcome(losses.sum(), right.sum(), len(targets))


TASKS: dict[str, Callable[[Contract, LossFunction], Classification]] = {"classification": Classification}
"""Built-in tasks."""
