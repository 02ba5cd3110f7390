"""The order of samples: a pure function of seed and epoch, so that nothing about it need be saved."""

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """A permutation of ``0 … count-1`` for this epoch."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)


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
