"""What an evaluation while training adds up: sums, which are the same however the images are spread over ranks."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.task.task import Outcome, Task

THRESHOLDS = 127
"""Thresholds of precision and recall, from 0 to 1; TensorBoard shows no more."""
_PLAIN = 5


class Tally:
    """Sums over the images of an evaluation, in float64 on the device.

    Args:
        task: whose outcomes are added.
        device: where they are.
        classes: how many there are; 0: nothing is counted by class.
        curves: whether answers are counted by class and class, and by class and score.
    """

    def __init__(self, task: Task, device: torch.device, classes: int = 0, curves: bool = False):
        self.task, self.classes = task, classes
        self.by_class = classes if task.kind == "class" else 0
        self.scored = classes if curves and task.kind in ("class", "labels") else 0
        cells = self.by_class**2 if self.scored else 0
        sizes = (_PLAIN, 3 * self.by_class, cells, 2 * self.scored * THRESHOLDS)
        self.sums = torch.zeros(sum(sizes), dtype=torch.float64, device=device)
        self.plain, self.counts, self.cells, self.scores = self.sums.split(sizes)

    def add(self, outcome: Outcome, targets: torch.Tensor) -> None:
        """Add a batch.

        Args:
            outcome: as the task gave it.
            targets: classes ``[n]``, or labels ``[n, labels]``.
        """
        known, unknown = outcome.losses, self.plain.new_tensor(math.nan)
        exact = [unknown] * 2 if known is None else [known.double().sum(), known.double().square().sum()]
        counted = self.plain.new_tensor(outcome.count)
        self.plain += torch.stack([outcome.loss.double(), outcome.score.double(), counted, *exact])
        if outcome.outputs is None or not self.classes:
            return
        if self.by_class:
            self._count(targets, outcome.outputs.argmax(dim=1))
        if self.scored:
            self._score(targets, outcome.outputs)

    def _count(self, targets: torch.Tensor, given: torch.Tensor) -> None:
        """Images by class and by answer; those whose class is not known take no part."""
        known, own = (targets >= 0).double(), targets.clamp_min(0)
        for row, (places, weights) in enumerate([(own, known), (given, known), (own, known * (own == given))]):
            self.counts.index_add_(0, row * self.by_class + places, weights)
        if self.scored:
            self.cells.index_add_(0, own * self.by_class + given, known)

    def _score(self, targets: torch.Tensor, outputs: torch.Tensor) -> None:
        """Pairs of image and class by whether it is one, by class and by score."""
        single = self.task.kind == "class"
        scores = outputs.softmax(dim=1) if single else outputs.sigmoid()
        column = torch.arange(self.scored, device=targets.device)
        true = (targets[:, None] == column if single else targets > 0.5).long()
        known = (targets >= 0).double()[:, None].expand_as(scores) if single else torch.ones_like(scores).double()
        levels = (scores * (THRESHOLDS - 1)).nan_to_num().floor().long().clamp(0, THRESHOLDS - 1)
        places = (true * self.scored + column) * THRESHOLDS + levels
        self.scores.index_add_(0, places.flatten(), known.flatten())


def figures_of(sums: NDArray[np.float64], tally: Tally, prefix: str) -> dict[str, Any]:
    """The figures of an evaluation by name, such as ``val_loss``.

    ``…_loss_sd`` is the standard deviation of the images' losses (with n - 1; of one image 0); a task that does not
    tell them has none. ``…_true``, ``…_predicted`` and ``…_hits`` count images by class, ``…_n`` all of them.

    Args:
        sums: of all ranks, in the order of ``tally.sums``.
        tally: what they are sums of.
        prefix: what the names begin with.
    """
    loss, score, count, exact, squares = sums[:_PLAIN].tolist()
    found: dict[str, Any] = {f"{prefix}_loss": loss / count, f"{prefix}_{tally.task.figure}": score / count}
    if not math.isnan(squares):
        found[f"{prefix}_loss_sd"] = math.sqrt(max(0.0, squares - exact**2 / count) / max(1.0, count - 1))
    found[f"{prefix}_n"] = int(count)
    counts = sums[_PLAIN : _PLAIN + 3 * tally.by_class].astype(np.int64).reshape(3, -1)
    if counts[1].any():
        names = ("true", "predicted", "hits")
        found |= {f"{prefix}_{name}": row.tolist() for name, row in zip(names, counts, strict=True)}
    return found


def curves_of(sums: NDArray[np.float64], tally: Tally) -> dict[str, NDArray[np.float64]]:
    """What pictures of an evaluation are drawn from; empty where it was not counted.

    ``confusion`` has how often each true class (row) was given each answer (column); ``scores`` how many pairs of image
    and class have which score, ``[2, classes, THRESHOLDS]``: first those where the image is not of the class.
    """
    if not tally.scored:
        return {}
    begin = _PLAIN + 3 * tally.by_class
    between = begin + len(tally.cells)
    found: dict[str, NDArray[np.float64]] = {"scores": sums[between:].reshape(2, tally.scored, THRESHOLDS)}
    if tally.by_class:
        found["confusion"] = sums[begin:between].reshape(tally.by_class, tally.by_class)
    return found
