"""How many samples of each class every part should get, and single samples dealt out until it has them."""

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import PARTS
from sightline.errors import SplitError

Amount = float | int
"""A part's size: a fraction of the samples (float) or a count (int)."""
Counts = NDArray[np.int64]


def part_targets(counts: Counts, wanted: dict[int, Amount]) -> Counts:
    """How many of each class (columns) training and the wanted parts (rows, in this order) should get.

    Raises:
        SplitError: a count is too small to hold every class, or too large to leave something to train on.
    """
    shares: list[Counts] = []
    most = counts - len(wanted)
    for part, amount in wanted.items():
        share = _apportion(counts, amount, most)
        if isinstance(amount, int):
            share = _exactly(amount, share, counts, most, part)
        shares.append(share)
        most = most - share + 1
    return np.stack([counts - sum(shares, np.zeros_like(counts)), *shares])


def fold_targets(counts: Counts, folds: int) -> Counts:
    """How many of each class (columns) every fold (rows) should get: sizes, of a class and in all, differ by one."""
    each, left = np.divmod(counts, folds)
    first = np.cumsum(left) - left  # where one class stops handing out its remainder the next one goes on
    turn = (np.arange(folds)[:, None] - first) % folds
    return each + (turn < left)


def sizes(wanted: dict[int, Amount], count: int) -> dict[int, int]:
    """How many of ``count`` samples each wanted part should get in all."""
    return {part: amount if isinstance(amount, int) else round(amount * count) for part, amount in wanted.items()}


def deal_singles(labels: NDArray[np.int32], have: Counts, target: Counts, seed: int) -> NDArray[np.int16]:
    """A row of ``target`` for each sample, class by class at random by ``seed``, so that ``have`` grows to it."""
    rows = np.zeros(len(labels), np.int16)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[np.random.Generator(np.random.Philox(key=[seed, int(label)])).permutation(len(members))]
        shares = _open_places(have[:, label], target[:, label], len(members))
        start = 0
        for row in range(1, len(target)):
            rows[members[start : start + shares[row]]] = row
            start += shares[row]
    return rows


def _open_places(have: Counts, target: Counts, count: int) -> Counts:
    """How many of ``count`` samples of a class go to each row; rows that have none come first where it is tight."""
    room = np.maximum(target - have, 0)
    if room.sum() == count:
        return room
    exact = room * (count / max(1, int(room.sum())))
    share = np.floor(exact).astype(np.int64)
    share[np.argsort(share - exact, kind="stable")[: count - int(share.sum())]] += 1
    for row in np.flatnonzero((have + share == 0) & (target > 0)):
        giver = int(np.argmax(np.where(have + share > 1, share, 0)))
        if share[giver] > 0:
            share[giver] -= 1
            share[row] += 1
    return share


def _apportion(counts: Counts, amount: Amount, most: Counts) -> Counts:
    """How many of each class go to a part: at least one, ``most`` at most, the largest remainders rounded up."""
    exact = counts * (amount / int(counts.sum()) if isinstance(amount, int) else amount)
    share = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(share.sum())
    order = np.argsort(-(exact - share), kind="stable")
    share[order[: max(0, missing)]] += 1
    return np.where(counts > 0, np.clip(share, 1, np.maximum(most, 1)), 0)


def _exactly(amount: int, share: Counts, counts: Counts, most: Counts, part: int) -> Counts:
    """The shares with as much taken or added, where it shows least, as makes them add up to a count."""
    classes, highest = int((counts > 0).sum()), int(np.maximum(most, 0).sum())
    if not classes <= amount <= highest:
        raise SplitError(
            f"the {PARTS[part]} part cannot have {amount} images",
            where=f"data.{PARTS[part]}",
            got=amount,
            allowed=[f"{classes} (one of each class) to {highest} (which leaves one of each to train on)"],
        )
    share, exact = share.copy(), counts * (amount / int(counts.sum()))
    while (short := amount - int(share.sum())) != 0:
        step = 1 if short > 0 else -1
        free = (share < most) if step > 0 else (share > 1)
        share[int(np.argmax(np.where(free & (counts > 0), (exact - share) * step, -np.inf)))] += step
    return share
