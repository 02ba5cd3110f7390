"""One class an image."""

import torch
from torch import nn

from sightline.task.task import Outcome, Task


class Classification(Task):
    """One class an image, judged by accuracy.

    The model gives logits ``[n, classes]``. Targets are classes ``[n]``, or the shares of each class ``[n, classes]``
    where images were mixed: such a sample counts in the accuracy as the share of its target that was hit.
    """

    name = "classification"
    figure = "accuracy"
    higher = True

    def outcome(
        self, model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> Outcome:
        """Run the model on inputs ``[n, channels, h, w]`` and compare; see ``Task.outcome``."""
        logits = model(inputs).float()
        losses = self.loss(logits, targets)
        if weights is not None:
            losses = losses * weights
        predicted = logits.detach().argmax(dim=1)
        right = predicted == targets if targets.ndim == 1 else targets.gather(1, predicted[:, None])
        return Outcome(losses.sum(), right.sum(), len(targets), losses.detach(), logits.detach())
