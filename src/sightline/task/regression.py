"""One or several numbers an image."""

import torch
from torch import nn

from sightline.data.contract import Contract
from sightline.data.outputs import Outputs
from sightline.task.constant import Constant
from sightline.task.task import LossFunction, Outcome, Task


class Regression(Task):
    """One or several numbers an image, judged by their mean absolute error.

    Targets are numbers in their units, ``[n, targets]``. The model gives each in standard deviations from its mean,
    both over the training part and kept in the contract: the loss, and with it the learning rate, does not depend on
    the units. A loss that says ``in_units`` is given outputs and targets in their units.

    The figure is the absolute error in the unit, averaged over the targets and the images; less is better.
    """

    name = "regression"
    kind = "numbers"
    figure = "mae"
    higher = False

    def __init__(self, contract: Contract, loss: LossFunction):
        super().__init__(contract, loss)
        count = len(contract.classes)
        own = contract.outputs or Outputs(kind="numbers", mean=(0.0,) * count, std=(1.0,) * count)
        self._middle, self._spread = Constant(torch.tensor(own.mean)), Constant(torch.tensor(own.std))
        self._in_units = bool(getattr(loss, "in_units", False))

    def outcome(
        self, model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> Outcome:
        """Run the model on inputs ``[n, channels, h, w]`` and compare; see ``Task.outcome``."""
        middle, spread = self._middle.on(targets.device), self._spread.on(targets.device)
        outputs = model(inputs).float()
        values = outputs * spread + middle
        pair = (values, targets) if self._in_units else (outputs, (targets - middle) / spread)
        losses = self.loss(*pair)
        if weights is not None:
            losses = losses * weights
        missed = (values.detach() - targets).double().abs().mean(dim=1)
        return Outcome(losses.sum(), missed.sum(), len(targets), losses.detach(), outputs.detach())
