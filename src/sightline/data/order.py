"""The order of samples: a pure function of seed and epoch, so that nothing about it need be saved."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """A permutation of ``0 … count-1`` for this epoch."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)


def weighted_order(
    seed: int, epoch: int, chances: NDArray[np.float64], strata: NDArray[np.integer[Any]]
) -> NDArray[np.int64]:
    """As many places as there are chances, in random order, drawn with these chances.

    The draw is systematic (Madow, Annals of Mathematical Statistics, 1949) over samples in random order within their
    strata: each place comes as often as ``chances * count`` says, rounded down or up, and so does each stratum. A rare
    class is repeated evenly and a frequent one gives different samples, where independent draws would leave it to luck.

    Args:
        seed: with the epoch it decides the order.
        epoch: with the seed it decides the order.
        chances: of each place; they add up to 1.
        strata: a group for each place, such as its class.
    """
    random = np.random.Generator(np.random.Philox(key=[stream_key(seed, epoch), 1]))
    alive = np.flatnonzero(chances)
    alive = alive[random.permutation(len(alive))]
    alive = alive[np.argsort(strata[alive], kind="stable")]
    count = len(chances)
    ends = np.cumsum(chances[alive])
    drawn = np.searchsorted(ends, (random.random() + np.arange(count)) * (ends[-1] / count), side="right")
    return alive[np.minimum(drawn, len(alive) - 1)][random.permutation(count)]


def repeats(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each entry, how many equal ones come before it: a sample that is drawn again is augmented in another way."""
    by_value = np.argsort(order, kind="stable")
    values = order[by_value]
    places = np.arange(len(order))
    first = np.maximum.accumulate(np.where(np.r_[True, values[1:] != values[:-1]], places, 0))
    found = np.empty(len(order), np.int64)
    found[by_value] = places - first
    return found


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Batches in a pass over ``count`` samples."""
    return -(-count // batch_size)


def batch_bounds(count: int, batch_size: int, place: int) -> tuple[int, int]:
    """Where batch number ``place`` of an epoch begins and ends.

    The samples are spread evenly: no batch is larger than ``batch_size``, sizes differ by one at most, and no small
    batch remains at the end to disturb batch normalization. Every sample is seen once in each epoch.
    """
    batches = steps_per_epoch(count, batch_size)
    return place * count // batches, (place + 1) * count // batches


def stream_key(seed: int, *places: int) -> int:
    """A 63-bit seed for one place of the run (epoch and sample, or step and rank); equal places give equal seeds.

    The mixing step is splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    state = 0
    for place in (seed, *places):  # the seed is mixed in before the first place, or seed 0 would repeat seed 1's epochs
        state = (state ^ (place & _MASK)) + 0x9E3779B97F4A7C15 & _MASK
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state >> 1
