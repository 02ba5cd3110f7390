"""What every task is to the training loop: pixels in, losses and one figure out."""

import abc
import dataclasses
from collections.abc import Callable

import torch
from torch import nn

from sightline.data.contract import Contract
from sightline.data.outputs import Kind
from sightline.task.constant import Constant

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(outputs of the model ``[n, …]``, targets of the task) -> loss of each sample ``[n]``.

It may say ``of_batch``: what a sample costs depends on the others of its batch; then ``alone`` is the loss of one."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a micro-batch gave. Sums, not means, so that batches of any size add up."""

    loss: torch.Tensor
    """Sum of the samples' losses, each times the weight of its sample; differentiable."""
    score: torch.Tensor
    """Sum of the samples' share in the figure that the task is judged by, such as right answers; detached."""
    count: int
    """Samples in the micro-batch."""
    losses: torch.Tensor | None = None
    """Loss of each sample, times its weight: detached, ``[n]``; ``None``: the task does not tell."""
    outputs: torch.Tensor | None = None
    """What the model gave, float32 ``[n, …]``, detached; ``None``: the task does not tell."""


class Task(abc.ABC):
    """Turns a batch into losses and predictions.

    Args:
        contract: gives the scaling of the pixels and the names of the outputs.
        loss: the loss of each sample.
    """

    name: str
    """What it is called in the settings."""
    kind: Kind = "class"
    """What its targets are: one ``class`` an image, ``labels``, or ``numbers``."""
    figure: str
    """The figure that ``Outcome.score`` over its count is: training is judged by it on the validation part."""
    higher: bool
    """Whether a higher figure is a better one."""

    def __init__(self, contract: Contract, loss: LossFunction):
        self.contract, self.loss = contract, loss
        self._mean = Constant(torch.tensor(contract.mean)[:, None, None] * 255)
        self._scale = Constant(1 / (torch.tensor(contract.std)[:, None, None] * 255))

    def inputs(self, pixels: torch.Tensor, device: torch.device, layout: torch.memory_format) -> torch.Tensor:
        """uint8 ``[n, h, w, channels]`` to the model's input: scaled float32 ``[n, channels, h, w]`` on the device."""
        images = pixels.to(device, non_blocking=True).permute(0, 3, 1, 2)
        # A single channel laid out as channels_last has the strides of both layouts, and convolutions get slow.
        layout = torch.contiguous_format if images.shape[1] == 1 else layout
        # One pass that converts and lays out, then two in place: five times quicker on a CPU than new tensors.
        scaled = torch.empty(images.shape, dtype=torch.float32, device=device, memory_format=layout).copy_(images)
        return scaled.sub_(self._mean.on(device)).mul_(self._scale.on(device))

    @abc.abstractmethod
    def outcome(
        self, model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> Outcome:
        """Run the model on inputs ``[n, channels, h, w]`` and compare.

        Args:
            model: gives the outputs ``[n, …]``.
            inputs: scaled images.
            targets: of the samples ``[n, …]``.
            weights: weight of each sample in the loss ``[n]``; ``None``: all weigh 1.
        """
