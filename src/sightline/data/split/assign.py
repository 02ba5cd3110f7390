"""Whole units to parts so that the class mix of each part is as near to the whole as the sizes of the units allow.

Largest first, each to the part that suffers least, as in the grouped and stratified folds of scikit-learn's
``StratifiedGroupKFold``; then units are moved, and where there are few also swapped, while that makes the mix better.
Of a handful of units every division is weighed.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from sightline.data.split.apportion import Counts

_LOST = 1e6
"""Price of a class that a part can no longer get."""
_EVEN = 0.01
"""Weight of an even spread of the units themselves, where single samples can still mend the mix."""
_EQUAL = 1e-6
"""Costs that differ by less are the same."""
_PASSES, _ENOUGH = 10, 40_000
"""Most passes over all units, and most moves tried in them (one pass is always made)."""
_FEW = 120
"""Units up to which pairs are tried, too."""
_ALL = 2_000_000
"""Numbers to hold up to which every division there is is weighed."""
_TRIES = 120
"""Where there are few units, orders are tried until this many units were dealt; the best result counts."""


@dataclasses.dataclass(frozen=True, eq=False)
class Units:
    """How many samples of each class every unit holds, without the zeros; the last column stands for all classes."""

    columns: list[NDArray[np.int64]]
    """Of each unit the columns that it has samples in."""
    counts: list[NDArray[np.int64]]
    """Of each unit how many samples in each of these."""

    @classmethod
    def of(cls, units: NDArray[np.int64], labels: NDArray[np.int32], classes: int) -> "Units":
        """From the unit (numbered without gaps) and the class of each sample."""
        wide = classes + 1
        keys, counts = np.unique(
            np.concatenate([units * wide + labels, units * wide + classes]), return_counts=True
        )  # fmt: skip
        bounds = np.flatnonzero(np.diff(keys // wide)) + 1
        return cls(np.split(keys % wide, bounds), np.split(counts, bounds))

    def __len__(self) -> int:
        return len(self.counts)


def assign(units: Units, target: Counts, seed: int) -> NDArray[np.int16]:
    """The row of ``target`` that each unit goes to.

    Args:
        units: what must stay together.
        target: how many samples of each class (columns) every part (rows) should get, single samples included.
        seed: settles which of equal units goes where.
    """
    whole = np.concatenate([target, target.sum(axis=1, keepdims=True)], axis=1).astype(np.float64)
    if len(target) ** len(units) * whole.size <= _ALL:
        return _best_of_all(units, whole)
    size = np.asarray([int(counts[-1]) for counts in units.counts])
    best, least = np.zeros(len(units), np.int16), np.inf
    for trial in range(max(1, _TRIES // max(1, len(units))) if len(units) <= _FEW else 1):
        random = np.random.Generator(np.random.Philox(key=[seed, 1 << 63 | trial]))
        order = random.permutation(len(units))
        dealing = _Dealing(units, whole)
        for unit in order[np.argsort(-size[order], kind="stable")].tolist() if trial == 0 else order.tolist():
            dealing.place(unit)
        dealing.improve(order)
        if (cost := float(_cost(dealing.have, whole))) < least:
            best, least = dealing.rows, cost
    return best


def _best_of_all(units: Units, target: NDArray[np.float64]) -> NDArray[np.int16]:
    """The best of every division that there is, for a handful of units."""
    rows = np.indices([len(target)] * len(units), np.int16).reshape(len(units), -1)
    have = np.zeros((rows.shape[1], *target.shape))
    for row, columns, counts in zip(rows, units.columns, units.counts, strict=True):
        have[np.arange(len(row))[:, None], row[:, None], columns] += counts
    costs = _cost(have, target)
    return rows[:, np.argmax(costs <= costs.min() + _EQUAL)]


class _Dealing:
    """Which row each unit is in, and how many samples the rows have by that."""

    def __init__(self, units: Units, target: NDArray[np.float64]):
        self.units, self.target = units, target
        self.have = np.zeros_like(target)
        self.rows = np.full(len(units), -1, np.int16)
        self.each = np.eye(len(target))[:, :, None]
        few = len(units) <= _FEW
        self.dense = np.zeros((len(units) if few else 0, target.shape[1]))
        for unit in range(len(self.dense)):
            self.dense[unit, units.columns[unit]] = units.counts[unit]

    def place(self, unit: int) -> bool:
        """Put a unit where it costs least; say whether that is another row than before. A tie leaves it."""
        columns, counts, before = self.units.columns[unit], self.units.counts[unit], int(self.rows[unit])
        if before >= 0:
            self.have[before, columns] -= counts
        costs = _cost(self.have[:, columns] + self.each * counts, self.target[:, columns])
        row = int(np.argmax(costs <= costs.min() + _EQUAL))  # machines round differently: near ties are ties
        if before >= 0 and costs[before] <= costs[row] + _EQUAL:
            row = before
        self.have[row, columns] += counts
        self.rows[unit] = row
        return row != before

    def improve(self, order: NDArray[np.int64]) -> None:
        """Move units, and swap pairs of few, until nothing gets better or enough was tried."""
        for _ in range(max(1, min(_PASSES, _ENOUGH // max(1, len(order))))):
            moved = [self.place(unit) for unit in order.tolist()]
            swapped = [self.swap(unit) for unit in order.tolist() if len(self.dense)]
            if not any(moved + swapped):
                return

    def swap(self, unit: int) -> bool:
        """Exchange a unit with the one for which that makes the mix best; say whether any made it better."""
        here = int(self.rows[unit])
        others = np.flatnonzero(self.rows != here)
        if not len(others):
            return False
        change = self.dense[others] - self.dense[unit]
        tried = np.repeat(self.have[None], len(others), axis=0)
        tried[:, here] += change
        tried[np.arange(len(others)), self.rows[others]] -= change
        costs = _cost(tried, self.target)
        best = int(np.argmax(costs <= costs.min() + _EQUAL))
        if costs[best] >= float(_cost(self.have, self.target)) - _EQUAL:
            return False
        self.have = tried[best]
        self.rows[unit], self.rows[others[best]] = self.rows[others[best]], here
        return True


def _cost(have: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far rows are from their targets once the samples still to be dealt have filled the gaps evenly.

    The squared gaps are divided by the targets, as in Pearson's chi-squared, so that small parts and rare classes
    count as much as large ones. ``have`` is ``[…, row, column]``.
    """
    gap = have - target
    over = np.maximum(gap, 0)
    under = over - gap
    surplus, room = np.add.reduce(over, axis=-2), np.add.reduce(under, axis=-2)
    scale = 1 / np.maximum(target, 1)
    over, under = np.add.reduce(over * over * scale, axis=-2), np.add.reduce(under * under * scale, axis=-2)
    missing = np.add.reduce((have == 0) & (target > 0), axis=-2)
    lost = np.maximum(missing - (room - surplus), 0)
    # Over and under never meet in one cell, so their squares add up to the squared gap.
    uneven = over + under * (surplus / np.maximum(room, 1)) ** 2
    return np.add.reduce(_LOST * lost + uneven + _EVEN * (over + under), axis=-1)
