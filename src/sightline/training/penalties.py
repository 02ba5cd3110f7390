"""Penalties on the weights, as what they add to the gradient."""

import torch
from torch import nn

from sightline.training.job import Job

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def add_penalties(job: Job) -> None:
    """Add the gradients of the penalties to those of the step, which must be unscaled and equal on all ranks.

    A penalty is a term of the loss, so an optimizer treats its gradient like any other: one that divides by running
    squares does so here too. What does not learn is not penalized.
    """
    plan, module = job.plan, job.built.module
    if plan.l1:
        for parameter in module.parameters():
            if parameter.grad is not None and parameter.ndim > 1:
                parameter.grad.add_(parameter.detach().sign(), alpha=plan.l1)
    if plan.orthogonal:
        for weight in layer_weights(module):
            if weight.grad is not None:
                weight.grad.add_(orthogonality_gradient(weight.detach()), alpha=plan.orthogonal)


def layer_weights(module: nn.Module) -> list[torch.Tensor]:
    """The weights of the linear and convolutional layers, each once; transposed ones have their outputs elsewhere."""
    weights = [layer.weight for layer in module.modules() if isinstance(layer, _LAYERS)]
    return list({id(weight): weight for weight in weights}.values())


def orthogonality_gradient(weight: torch.Tensor) -> torch.Tensor:
    """Gradient of ``||W W^T - I||_F^2`` (Brock et al. 2017, squared as by Bansal et al. 2018): ``4 (W W^T - I) W``.

    Args:
        weight: ``[out, …]``, taken as a matrix of ``out`` rows. Of a tall matrix ``W^T W`` is used: its penalty differs
            by a constant, and its gradient not at all.
    """
    matrix = weight.flatten(1).float()
    if matrix.shape[0] <= matrix.shape[1]:
        gradient = matrix @ matrix.T @ matrix - matrix
    else:
        gradient = matrix @ (matrix.T @ matrix) - matrix
    return gradient.mul_(4).reshape(weight.shape).to(weight.dtype)
