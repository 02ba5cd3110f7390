"""How alike two suspected pictures can be, by their signatures alone: most suspicions end here, without decoding.

A signature is a sum of waves, so a window of it, and how that changes when an edge moves, can be computed anywhere.
The window of one picture that is most like the other is found by Gauss-Newton steps, as ``alignment`` does on pixels,
but for all suspicions at once. It is where ``alignment`` then begins.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from sightline.data.lookalikes import LOOKS, Candidates
from sightline.data.signature import WAVES, amplitudes, mirrored

LEAST_FIT = 0.94
"""Correlation of the waves below which two pictures are not looked at. Of 2,533 photos that were compressed, resized,
cropped by 5 %, mirrored or brightened, the least had 0.953; of 870 other suspicions on TrashNet 292 had more."""

_SIDE = 16
_STEPS = 2
_CHUNK = 4096
_MOST_MOVE = 0.05
_LOW, _HIGH = np.asarray([-0.1, -0.1, 0.9, 0.9], np.float32), np.asarray([0.1, 0.1, 1.1, 1.1], np.float32)
_NUMBERS = np.arange(WAVES, dtype=np.float32) * np.float32(np.pi)
_HEIGHTS = np.where(np.arange(WAVES), np.sqrt(2), 1).astype(np.float32)
_PLACES = ((np.arange(_SIDE) + 0.5) / _SIDE).astype(np.float32)

Field = NDArray[np.float32]


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
    gain = np.ones((len(one), 1, 1), np.float32)
    share, counts = _PLACES, np.arange(len(one))
    for step in range(_STEPS + 1):
        left, top, right, bottom = (edge[:, None] for edge in window.T)
        x, across = _waves(left + (right - left) * share)
        y, down = _waves(top + (bottom - top) * share)
        rows = y @ one
        seen = rows @ x.mT
        if step == _STEPS:
            break
        slope_x, slope_y = rows @ across.mT, (down @ one) @ x.mT
        fields = [slope_x * (1 - share), slope_y * (1 - share[:, None]), slope_x * share, slope_y * share[:, None]]
        design = np.stack([*(gain * field for field in fields), seen, np.ones_like(seen)], axis=1)
        design = design.reshape(len(one), len(fields) + 2, -1)
        normal = design @ design.mT
        damping = 1e-3 * (normal[:, range(4), range(4)].sum(axis=1) + 1)
        normal[:, range(4), range(4)] += damping[:, None]
        normal[:, 4:, 4:] += 1e-3 * np.eye(2, dtype=np.float32)
        missing = design @ (wanted - gain * seen).reshape(len(one), -1, 1)
        move = np.linalg.solve(normal, missing)[counts, :, 0]
        window = np.clip(window + np.clip(move[:, :4], -_MOST_MOVE, _MOST_MOVE), _LOW, _HIGH)
        gain = np.clip(gain + move[:, 4, None, None], 0.25, 4)
    return _correlations(seen, wanted), window


def _waves(places: Field) -> tuple[Field, Field]:
    """The waves at places ``[n, m]`` between 0 and 1, and their slopes, each ``[n, m, 8]``."""
    turns = places[:, :, None] * _NUMBERS
    return _HEIGHTS * np.cos(turns), -_HEIGHTS * _NUMBERS * np.sin(turns)


def _correlations(one: Field, other: Field) -> Field:
    one, other = (field - field.mean(axis=(1, 2), keepdims=True) for field in (one, other))
    lengths = np.sqrt((one**2).sum(axis=(1, 2)) * (other**2).sum(axis=(1, 2)))
    return (one * other).sum(axis=(1, 2)) / np.maximum(lengths, 1e-6)
