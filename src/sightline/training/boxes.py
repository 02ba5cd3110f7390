"""Losses of boxes by how far they overlap: each takes boxes and targets ``[n, 4]`` and gives the losses ``[n]``.

A box is left, top, right, bottom, in one unit, with left <= right and top <= bottom. All are 1 minus the overlap
(intersection over union), and differ in what they add so that boxes that do not touch are drawn together.
"""

import math
from collections.abc import Callable

import torch

BoxLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
_TINY = 1e-7  # keeps boxes without an area from dividing by nothing


def iou(boxes: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """``1 - IoU`` (Yu et al., "UnitBox", 2016, without its logarithm)."""
    return 1 - _overlap(boxes, targets)[0]


def giou(boxes: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Adds the share of the enclosing box that neither covers (Rezatofighi et al., CVPR 2019)."""
    overlap, union = _overlap(boxes, targets)
    width, height = _enclosing(boxes, targets)
    whole = width * height
    return 1 - overlap + (whole - union) / (whole + _TINY)


def diou(boxes: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Adds the squared distance of the centers, by the squared diagonal of the enclosing box (Zheng et al. 2020)."""
    return 1 - _overlap(boxes, targets)[0] + _distance(boxes, targets)


def ciou(boxes: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Adds to ``diou`` how far the aspects differ, weighed more the better the boxes overlap (Zheng et al. 2020)."""
    overlap, _ = _overlap(boxes, targets)
    angles = [torch.atan((box[:, 2] - box[:, 0]) / (box[:, 3] - box[:, 1] + _TINY)) for box in (targets, boxes)]
    unlike = (4 / math.pi**2) * (angles[0] - angles[1]).square()
    with torch.no_grad():  # the paper's weight is no part of the slope
        weight = unlike / (1 - overlap + unlike + _TINY)
    return 1 - overlap + _distance(boxes, targets) + weight * unlike


BOX_LOSSES: dict[str, BoxLoss] = {"iou": iou, "giou": giou, "diou": diou, "ciou": ciou}
"""Every loss of boxes by its name."""


def _overlap(boxes: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Intersection over union, and union, ``[n]`` each."""
    low, high = torch.maximum(boxes[:, :2], targets[:, :2]), torch.minimum(boxes[:, 2:], targets[:, 2:])
    common = (high - low).clamp_min(0.0).prod(dim=1)
    union = _area(boxes) + _area(targets) - common
    return common / (union + _TINY), union


def _area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _enclosing(boxes: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Width and height of the smallest box around both, ``[n]`` each."""
    size = torch.maximum(boxes[:, 2:], targets[:, 2:]) - torch.minimum(boxes[:, :2], targets[:, :2])
    return size[:, 0], size[:, 1]


def _distance(boxes: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    width, height = _enclosing(boxes, targets)
    centers = [(box[:, :2] + box[:, 2:]) / 2 for box in (boxes, targets)]
    return (centers[0] - centers[1]).square().sum(dim=1) / (width.square() + height.square() + _TINY)
