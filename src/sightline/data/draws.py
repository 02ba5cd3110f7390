"""Random numbers for many samples at once: those that one generator a sample would give, without making any.

A generator object costs more than cropping a small image does. Here a whole batch is drawn by a few array operations,
and every number is still a function of its sample's key alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
"""A seed for each sample, ``[n]``, as ``stream_keys`` gives them."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157))
_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
_FULL = (1 << 64) - 1


def stream_keys(seed: int, epoch: int, indices: NDArray[np.integer[Any]]) -> Keys:
    """``order.stream_key(seed, epoch, index)`` of each index, as an array."""
    places = (np.uint64(seed & _FULL), np.uint64(epoch & _FULL), indices.astype(np.int64).view(np.uint64))
    state = np.zeros(len(indices), np.uint64)
    for place in places:
        state = (state ^ place) + np.uint64(_STEPS[0])
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return state >> np.uint64(1)


def philox(keys: Keys, stream: int, count: int) -> NDArray[np.uint64]:
    """The first ``count`` raw numbers of ``np.random.Philox(key=[key, stream])`` for each key: ``[n, count]``.

    Philox4x64-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
    """
    blocks = -(-count // 4)
    shape = (len(keys), blocks)
    counter = [np.broadcast_to(np.arange(1, blocks + 1, dtype=np.uint64), shape)]
    counter += [np.zeros(shape, np.uint64) for _ in range(3)]
    first, second = np.broadcast_to(keys[:, None], shape), stream
    for _ in range(_ROUNDS):
        high0, low0 = _product(_MULTIPLIERS[0], counter[0])
        high1, low1 = _product(_MULTIPLIERS[1], counter[2])
        counter = [high1 ^ counter[1] ^ first, low1, high0 ^ counter[3] ^ np.uint64(second), low0]
        first, second = first + np.uint64(_STEPS[0]), (second + _STEPS[1]) & _FULL
    return np.stack(counter, axis=2).reshape(len(keys), 4 * blocks)[:, :count]


def uniforms(keys: Keys, stream: int, count: int) -> NDArray[np.float64]:
    """``count`` numbers in [0, 1) for each key, ``[n, count]``."""
    return np.ldexp((philox(keys, stream, count) >> np.uint64(11)).astype(np.float64), -53)


def _product(factor: np.uint64, values: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The upper and lower 64 bits of a product of 64-bit numbers."""
    low, high = factor & _LOW, factor >> _HALF
    value_low, value_high = values & _LOW, values >> _HALF
    middle = value_low * high + ((value_low * low) >> _HALF)
    other = value_high * low + (middle & _LOW)
    return value_high * high + (middle >> _HALF) + (other >> _HALF), values * factor
