"""How alike two suspected pictures can be, by their signatures alone: most suspicions end here, without decoding.

A signature is a sum of waves, so a window of it, and how that changes when an edge moves, can be computed anywhere.
The window of one picture that is most like the other is found by Gauss-Newton steps, as ``alignment`` does on pixels,
but for all suspicions at once. It is where ``alignment`` then begins.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.lookalikes import LOOKS, Candidates
from sightline.data.signature import WAVES, amplitudes, mirrored

LEAST_FIT = 0.89
"""Correlation of the waves below which two pictures are not looked at. Of 310 photos cropped by 5 % on each side, the
hardest change, two had 0.90 to 0.91 and were confirmed; half of TrashNet's other suspicions have less."""

_SIDE = 16
_STEPS = 2
_CHUNK = 4096
_MOST_MOVE = 0.05
_LOW, _HIGH = np.asarray([-0.1, -0.1, 0.9, 0.9], np.float32), np.asarray([0.1, 0.1, 1.1, 1.1], np.float32)
_NUMBERS = np.arange(WAVES, dtype=np.float32) * np.float32(np.pi)
_HEIGHTS = np.where(np.arange(WAVES), np.sqrt(2), 1).astype(np.float32)
_PLACES = ((np.arange(_SIDE) + 0.5) / _SIDE).astype(np.float32)

Field = NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Suspects:
    """Pairs that stay suspected."""

    first: NDArray[np.int64]
    """Place of the picture that is mirrored and windowed."""
    second: NDArray[np.int64]
    """Place of the other one."""
    mirrored: NDArray[np.bool_]
    """Whether the first is mirrored."""
    window: NDArray[np.float32]
    """The window of the first, mirrored where it is, that shows what the second shows: left, top, right, bottom."""


def suspects(signatures: NDArray[np.void], found: Candidates) -> Suspects:
    """The candidates whose waves are alike when they are laid over each other.

    Args:
        signatures: those that were searched.
        found: what the search gave.
    """
    boxes, flips = (np.asarray(column) for column in zip(*LOOKS, strict=True))
    flip, start = flips[found.look], boxes[found.look].astype(np.float32)
    start[flip] = np.stack([1 - start[flip, 2], start[flip, 1], 1 - start[flip, 0], start[flip, 3]], axis=1)
    fits, windows = [np.zeros(0, np.float32)], [np.zeros((0, 4), np.float32)]
    for place in range(0, len(start), _CHUNK):
        here = slice(place, place + _CHUNK)
        one, other = amplitudes(signatures[found.first[here]]), amplitudes(signatures[found.second[here]])
        one = np.where(flip[here, None, None], mirrored(one), one)
        fit, window = _fitted(one, other, start[here])
        fits.append(fit)
        windows.append(window)
    kept = np.flatnonzero(np.concatenate(fits) >= LEAST_FIT)
    return Suspects(found.first[kept], found.second[kept], flip[kept], np.concatenate(windows)[kept])


def _fitted(one: Field, other: Field, window: Field) -> tuple[Field, Field]:
    """Correlations ``[n]`` and windows ``[n, 4]`` of amplitudes ``[n, 8, 8]``, from these windows on."""
    whole, _ = _waves(_PLACES[None])
    wanted = whole @ other @ whole.mT
    gain, counts = np.ones((len(one), 1, 1), np.float32), np.arange(len(one))
    for _ in range(_STEPS):
        seen, across, down = _seen(one, window)
        x, y = _PLACES, _PLACES[:, None]
        slopes = [slope * (gain * part) for slope, part in ((across, 1 - x), (down, 1 - y), (across, x), (down, y))]
        design = np.stack([*slopes, seen, np.ones_like(seen)], axis=1).reshape(len(one), 6, -1)
        normal = design @ design.mT
        damping = 1e-3 * (normal[:, range(4), range(4)].sum(axis=1) + 1)
        normal[:, range(4), range(4)] += damping[:, None]
        normal[:, 4:, 4:] += 1e-3 * np.eye(2, dtype=np.float32)
        missing = design @ (wanted - gain * seen).reshape(len(one), -1, 1)
        move = np.linalg.solve(normal, missing)[counts, :, 0]
        window = np.clip(window + np.clip(move[:, :4], -_MOST_MOVE, _MOST_MOVE), _LOW, _HIGH)
        gain = np.clip(gain + move[:, 4, None, None], 0.25, 4)
    return _correlations(_seen(one, window)[0], wanted), window


def _seen(one: Field, window: Field) -> tuple[Field, Field, Field]:
    """What windows show, and how that changes to the right and downwards, each ``[n, 16, 16]``."""
    left, top, right, bottom = (edge[:, None] for edge in window.T)
    x, across = _waves(left + (right - left) * _PLACES)
    y, down = _waves(top + (bottom - top) * _PLACES)
    rows = y @ one
    return rows @ x.mT, rows @ across.mT, (down @ one) @ x.mT


def _waves(places: Field) -> tuple[Field, Field]:
    """The waves at places ``[n, m]`` between 0 and 1, and their slopes, each ``[n, m, 8]``."""
    turns = places[:, :, None] * _NUMBERS
    return _HEIGHTS * np.cos(turns), -_HEIGHTS * _NUMBERS * np.sin(turns)


def _correlations(one: Field, other: Field) -> Field:
    one, other = (field - field.mean(axis=(1, 2), keepdims=True) for field in (one, other))
    lengths = np.sqrt((one**2).sum(axis=(1, 2)) * (other**2).sum(axis=(1, 2)))
    return (one * other).sum(axis=(1, 2)) / np.maximum(lengths, 1e-6)
