"""MixUp and CutMix: pairs of images of one micro-batch become one, and so do their labels.

What is mixed with what, and how much, is a pure function of the key, which the loop makes from seed, step, rank and
micro-batch: nothing about it is saved, and a resumed run mixes as the uninterrupted one did.
"""

import dataclasses
import math

import numpy as np
import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixing:
    """How micro-batches are mixed."""

    classes: int
    """Width of the mixed targets."""
    mixup: float
    """Parameter of MixUp's Beta distribution; 0: no MixUp."""
    cutmix: float
    """Parameter of CutMix's Beta distribution; 0: no CutMix. Where both are set, each micro-batch gets one of them."""
    probability: float
    """Share of the micro-batches that are mixed."""


@dataclasses.dataclass(frozen=True)
class Draw:
    """What was drawn for one micro-batch."""

    partner: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Place of the image that each one is mixed with, ``[n]``."""
    share: float
    """How much of each image, and of its label, stays its own."""
    box: tuple[int, int, int, int] | None
    """Top, bottom, left and right of what CutMix takes from the partner; ``None``: MixUp."""


def draw(mixing: Mixing, count: int, height: int, width: int, key: int) -> Draw | None:
    """Draw for a micro-batch; ``None``: it stays as it is.

    The share of MixUp (Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018) is drawn from
    ``Beta(a, a)``. CutMix (Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
    Features", ICCV 2019) draws an area in the same way and a center anywhere; the box is cut off at the edges, and its
    true area decides the share.
    """
    random = np.random.Generator(np.random.Philox(key=[key, 1]))
    if random.random() >= mixing.probability:
        return None
    cut = mixing.cutmix > 0 and (mixing.mixup == 0 or random.random() < 0.5)
    partner = random.permutation(count)
    alpha = mixing.cutmix if cut else mixing.mixup
    share = float(random.beta(alpha, alpha))
    if not cut:
        return Draw(partner, share, None)
    side = math.sqrt(1 - share) / 2
    row, column = random.random() * height, random.random() * width
    top, bottom = (min(height, max(0, round(row + sign * side * height))) for sign in (-1, 1))
    left, right = (min(width, max(0, round(column + sign * side * width))) for sign in (-1, 1))
    return Draw(partner, 1 - (bottom - top) * (right - left) / (height * width), (top, bottom, left, right))


def mixed(
    inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None, mixing: Mixing, key: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Mix a micro-batch.

    A label brings its weight along: with shares ``s`` and ``1 - s`` and weights ``u`` and ``v`` of the two images, the
    mixed one weighs ``s u + (1 - s) v`` and its target is ``s u`` and ``(1 - s) v`` of that. The loss is then
    ``s u`` times that of the one label and ``(1 - s) v`` times that of the other, and a label that weighs nothing
    stays without effect.

    Args:
        inputs: ``[n, channels, height, width]``, already scaled.
        targets: class of each, int64 ``[n]``.
        weights: of each, ``[n]``; ``None``: all weigh 1.
        mixing: the settings.
        key: decides the draw.

    Returns:
        The inputs, the targets as shares ``[n, classes]`` that add up to 1 (or as they were where the draw is not to
        mix), and the weights.
    """
    drawn = draw(mixing, len(targets), inputs.shape[2], inputs.shape[3], key)
    if drawn is None:
        return inputs, targets, weights
    partner = torch.from_numpy(drawn.partner).to(inputs.device, non_blocking=True)
    share, images = drawn.share, inputs.clone()  # a clone keeps the memory layout
    if drawn.box is None:
        images.mul_(share).add_(inputs[partner], alpha=1 - share)
    else:
        top, bottom, left, right = drawn.box
        images[:, :, top:bottom, left:right] = inputs[partner, :, top:bottom, left:right]
    # Not torch's one_hot, which looks at the targets first and makes the host wait.
    own = (targets[:, None] == torch.arange(mixing.classes, device=targets.device)).float()
    if weights is None:
        return images, share * own + (1 - share) * own[partner], None
    ours, theirs = share * weights, (1 - share) * weights[partner]
    total = ours + theirs
    part = torch.where(total > 0, ours / total.clamp_min(torch.finfo(total.dtype).tiny), share)[:, None]
    return images, part * own + (1 - part) * own[partner], total
