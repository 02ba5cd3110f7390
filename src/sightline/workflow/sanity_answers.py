"""Whether the outputs of a network depend on their image, and on no other one of the batch."""

import math
from typing import Any

import torch
from torch import nn

from sightline.diagnosis.sanity_network import Answers


def answered(module: nn.Module, inputs: torch.Tensor) -> Answers | None:
    """Outputs of a network for some images in evaluation mode, in float32, together and one alone; ``None``: no tensor.

    Args:
        module: the network; its mode changes.
        inputs: as the network sees them ``[n, channels, h, w]``.
    """
    module.eval()
    own = inputs.detach().clone().requires_grad_(True)
    outputs: Any = module(own)  # a user's network may give something else
    if not isinstance(outputs, torch.Tensor):
        return None
    random = torch.Generator().manual_seed(0)
    direction = torch.randn(outputs.shape[1:], generator=random).to(outputs)
    (slope,) = torch.autograd.grad((outputs[0] * direction).sum(), own, allow_unused=True, materialize_grads=True)
    others, itself = float(slope[1:].double().norm()), float(slope[0].double().norm())
    given = outputs.detach().double()
    size, spread = (float(one.square().mean().sqrt()) for one in (given, given - given.mean(dim=0)))
    apart, refused = 0.0, ""
    try:
        with torch.no_grad():
            alone: torch.Tensor = module(inputs[:1])
        if alone.shape != outputs[:1].shape:
            refused = f"it gives {list(alone.shape)} in place of {list(outputs[:1].shape)}"
        else:
            apart = float((alone.double() - given[:1]).abs().max()) / max(size, 1e-30)
    except (RuntimeError, ValueError, IndexError) as error:
        refused = f"{type(error).__name__}: {error}".split("\n")[0]
    crossed = others / itself if itself > 0 else (0.0 if others == 0 else math.inf)
    return Answers(images=len(inputs), size=size, spread=spread, crossed=crossed, apart=apart, refused=refused)
