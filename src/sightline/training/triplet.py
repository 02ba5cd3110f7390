"""The triplet loss: samples are compared with one another, not with a target of their own."""

import torch
from torch.nn import functional

from sightline.task.task import LossFunction
from sightline.training.config import LossConfig
from sightline.training.losses_class import cross_entropy

_FAR = 4.0  # farther than any two points of the unit sphere are


class Triplet:
    """Cross entropy, and the batch-hard triplet loss times a weight.

    Each sample is an anchor: the farthest of its own class in the batch shall be nearer than the nearest of another
    one (Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017, with their soft
    margin ``log(1 + exp(near))`` unless a margin is given). Distances are Euclidean, between logits scaled to
    length 1: every model has those, so nothing of its inside need be known. An anchor that is alone in its class, or
    in a batch of one class, gives nothing to it.

    What a sample costs depends on the other samples of the batch, so the losses of micro-batches or ranks do not add up
    to that of the whole batch: ``of_batch`` says so, and whoever would compute it in pieces refuses it. Training is
    judged by ``alone``, the cross entropy.
    """

    of_batch = True
    """What a sample costs depends on the other samples of its batch."""

    def __init__(self, config: LossConfig):
        self.config = config
        self.alone: LossFunction = cross_entropy(config)

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Losses ``[n]`` of logits ``[n, classes]`` and classes ``[n]``."""
        if targets.ndim != 1:
            raise ValueError("a sample of mixed classes has neither its own nor other ones to be compared with")
        return self.alone(logits, targets) + self.config.weight * batch_hard(logits, targets, self.config.margin)


def batch_hard(embeddings: torch.Tensor, labels: torch.Tensor, margin: float | None) -> torch.Tensor:
    """Batch-hard triplet loss of each anchor ``[n]``.

    Args:
        embeddings: ``[n, features]``; they are scaled to length 1.
        labels: class of each, ``[n]``.
        margin: ``max(0, margin + farthest own - nearest other)``; none: ``log(1 + exp(farthest own - nearest other))``.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        whole = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
        points = functional.normalize(whole, dim=1, eps=1e-6)
        # Without a matrix product: in one, the small distances that decide are what rounding leaves.
        apart = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
        same = labels[:, None] == labels[None]
        own = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        farthest = apart.masked_fill(~own, 0.0).amax(dim=1)
        nearest = apart.masked_fill(same, _FAR).amin(dim=1)
        short = farthest - nearest
        losses = functional.softplus(short) if margin is None else (short + margin).clamp_min(0.0)
        return torch.where(own.any(dim=1) & ~same.all(dim=1), losses, 0.0)
