"""Any of several labels an image."""

import torch
from torch import nn

from sightline.data.contract import Contract
from sightline.data.outputs import Outputs
from sightline.task.task import LossFunction, Outcome, Task


class Multilabel(Task):
    """Any of several labels an image, judged by how far the sets of labels agree.

    The model gives logits ``[n, labels]``, each a question of its own; targets are 1 where an image has a label and
    0 where it has not, ``[n, labels]``, or between where images were mixed. An image has a label where its probability,
    the sigmoid of the logit, reaches the contract's threshold.

    The figure is the Jaccard index of each image's labels, averaged over the images: how many of the labels that it has
    or was given are both; 1 where there are none and none was given. It is a sum over images, so it is the same on any
    number of ranks, and labels that an image does not have do not make it look better, as they do in the share of
    right labels. Of mixed targets it is their sum of minima by that of maxima.
    """

    name = "multilabel"
    kind = "labels"
    figure = "jaccard"
    higher = True

    def __init__(self, contract: Contract, loss: LossFunction):
        super().__init__(contract, loss)
        self._least = (contract.outputs or Outputs(kind="labels")).least_logit

    def outcome(
        self, model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> Outcome:
        """Run the model on inputs ``[n, channels, h, w]`` and compare; see ``Task.outcome``."""
        logits = model(inputs).float()
        losses = self.loss(logits, targets)
        if weights is not None:
            losses = losses * weights
        given = (logits.detach() >= self._least).to(targets)
        both, any_of = torch.minimum(given, targets).sum(dim=1), torch.maximum(given, targets).sum(dim=1)
        agreed = torch.where(any_of > 0, both / any_of.clamp_min(torch.finfo(any_of.dtype).tiny), 1.0)
        return Outcome(losses.sum(), agreed.double().sum(), len(targets), losses.detach(), logits.detach())
