"""Random numbers for many samples at once: those that one generator a sample would give, without making any.

A generator object costs more than cropping a small image does. Here a whole batch is drawn by a few array operations,
and every number is still a function of its sample's key alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Keys = NDArray[np.uint64]
"""A seed for each sample, ``[n]``, as ``stream_keys`` gives them."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = np.asarray([0xD2E7470EE14C6C93, 0xCA5A826395121157], np.uint64)[:, None, None]
_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_KEY_STEPS = np.asarray(_STEPS, np.uint64)[:, None, None]
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
    # Words 0 and 2 of each counter, and words 1 and 3: a round does the same to both.
    even, odd = (np.zeros((2, len(keys), blocks), np.uint64) for _ in range(2))
    even[0] = np.arange(1, blocks + 1, dtype=np.uint64)
    key = np.empty((2, len(keys), 1), np.uint64)
    key[0], key[1] = keys[:, None], np.uint64(stream)
    for _ in range(_ROUNDS):
        high, low = _product(_MULTIPLIERS, even)
        even, odd = high[::-1] ^ odd ^ key, low[::-1]
        key += _KEY_STEPS
    words = (even[0], odd[0], even[1], odd[1])
    return np.stack(words, axis=2).reshape(len(keys), 4 * blocks)[:, :count]


def uniforms(keys: Keys, stream: int, count: int) -> NDArray[np.float64]:
    """``count`` numbers in [0, 1) for each key, ``[n, count]``."""
    return np.ldexp((philox(keys, stream, count) >> np.uint64(11)).astype(np.float64), -53)


def _product(factor: Words, values: Words) -> tuple[Words, Words]:
    """The upper and lower 64 bits of products of 64-bit numbers."""
    low, high = factor & _LOW, factor >> _HALF
    value_low, value_high = values & _LOW, values >> _HALF
    middle = value_low * high + ((value_low * low) >> _HALF)
    other = value_high * low + (middle & _LOW)
    return value_high * high + (middle >> _HALF) + (other >> _HALF), values * factor
