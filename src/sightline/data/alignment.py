"""Whether two pictures are one and the same: laid over each other, then compared pixel by pixel.

A search by hashes only suspects. Here both pictures are squeezed to a small square, the window of one that shows what
the other shows is found by Gauss-Newton steps (B. Lucas and T. Kanade, "An Iterative Image Registration Technique",
IJCAI 1981, here with a window and a gain), and four measures are taken, each of which must be passed.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import to_color

SIDE = 64
"""Side of the squares that are compared, in pixels; they are sampled from squares of twice that side."""

_LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)
_WHOLE = (0.0, 0.0, 1.0, 1.0)
_FLOOR = 6.0
"""Gray levels: differences of this size are noise of compression and count for nothing by themselves."""
_BURNT = 250
_LOW = np.asarray([-0.1, -0.1, 0.9, 0.9])
_HIGH = np.asarray([0.1, 0.1, 1.1, 1.1])
_COARSE_STEPS, _FINE_STEPS = 4, 4
_HOPELESS = 0.9
"""Correlation after the first step below which no further step makes near-duplicates: those had 0.974 or more."""

Window = tuple[float, float, float, float]
"""Left, top, right and bottom as shares of the sides; beyond 0 and 1 where the other picture shows more."""
Field = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Likeness:
    """How alike two aligned pictures are; 1 in every measure where nothing differs."""

    gray: float
    """Normalized correlation of the gray pixels, -1 to 1."""
    detail: float
    """The same of what is left when the blurred picture is taken away: edges, print, texture."""
    color: float
    """Agreement of the color differences red - green and blue - green, 1 where equal, 0 where unrelated."""
    worst: float
    """Agreement of the least alike of 6 x 6 fields: low where one thing in the picture was exchanged."""


def square_of(image: Image.Image | NDArray[np.uint8]) -> Field:
    """An upright picture as float32 ``[3, 128, 128]``, 0-255.

    Raises:
        ImageError: its pixels have no agreed range.
    """
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    if picture.mode not in ("L", "RGB") or picture.has_transparency_data:
        picture = to_color(picture, "rgb")
    small = picture.resize((2 * SIDE, 2 * SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return np.ascontiguousarray(np.asarray(small.convert("RGB")).transpose(2, 0, 1), np.float32)


def compare(one: Field, other: Field, start: Window) -> Likeness:
    """Lay one square over the other and measure; where ``gray`` is hopeless, the other measures are not taken, but 0.

    Args:
        one: ``[3, 128, 128]``, already mirrored where that is the suspicion.
        other: ``[3, 128, 128]``.
        start: the window of ``one`` that is suspected to show what ``other`` shows.
    """
    sharp = _with_peak(one), _with_peak(other)
    window, light, fit = _aligned(_halved(sharp[0]), _halved(sharp[1]), start, (1.0, 0.0), _COARSE_STEPS)
    if fit >= _HOPELESS:
        window, light, fit = _aligned(*sharp, window, light, _FINE_STEPS)
    if fit < _HOPELESS:
        return Likeness(gray=fit, detail=0.0, color=0.0, worst=0.0)
    rows, columns = _inside(window[1], window[3], SIDE), _inside(window[0], window[2], SIDE)
    seen, target = _seen(one, window)[:, rows, columns], _seen(other, _WHOLE)[:, rows, columns]
    gain, shift = light
    # The darker one is brightened and not the other way round: what was burnt out cannot be brought back.
    if gain >= 1:
        return _measured(np.clip(gain * seen + shift, 0, 255), target)
    return _measured(seen, np.clip((target - shift) / gain, 0, 255))


def _aligned(
    one: Field, other: Field, window: Window, light: tuple[float, float], steps: int
) -> tuple[Window, tuple[float, float], float]:
    """The window of ``one`` that is most like ``other``, gain and shift in brightness, and the correlation then.

    Args:
        one: gray and the brightest channel, ``[2, n, n]``.
        other: the same of the other picture.
        window: where to begin.
        light: gain and shift to begin with.
        steps: most steps to take.
    """
    wanted, peak = _seen(other, _WHOLE)
    side, fit = len(wanted), 0.0
    share = _centers(side)
    edges, (gain, shift) = np.asarray(window), light
    for turn in range(steps):
        shown = _inside(window[1], window[3], side), _inside(window[0], window[2], side)
        seen, peak_seen = _seen(one, window)
        down, across = (slope[shown] for slope in _slopes(seen))  # for a move by the whole side
        seen, target = seen[shown], wanted[shown]
        predicted = gain * seen + shift
        # One burnt-out channel bends the gray: such pixels say nothing about the light.
        usable = np.maximum(gain * peak_seen[shown] + shift, peak[shown]) < _BURNT
        judged = usable if usable.any() else ...
        fit = _correlation(predicted[judged], target[judged])
        if turn and fit < _HOPELESS:
            break
        x, y = share[shown[1]], share[shown[0], None]
        design = np.empty((6, *seen.shape), np.float32)
        for row, (slope, part) in enumerate(((across, 1 - x), (down, 1 - y), (across, x), (down, y))):
            np.multiply(slope, gain * part, out=design[row])
        design[4], design[5] = seen, 1
        design *= usable
        design = design.reshape(6, -1)
        missing = (target - predicted).ravel()
        step = np.linalg.solve(_damped(design @ design.T), design @ missing)
        edges = np.clip(edges + np.clip(step[:4], -0.05, 0.05), _LOW, _HIGH)
        gain, shift = min(max(gain + float(step[4]), 0.25), 4), min(max(shift + float(step[5]), -64), 64)
        window = (float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3]))
        if np.abs(step[:4]).max() < 5e-4:
            break
    return window, (gain, shift), fit


def _slopes(field: Field) -> tuple[Field, Field]:
    """How a square changes downwards and across, for a whole side: central differences, one-sided at the edges."""
    side = len(field)
    down, across = np.empty_like(field), np.empty_like(field)
    for slope, lines in ((down, field), (across.T, field.T)):
        np.subtract(lines[2:], lines[:-2], out=slope[1:-1])
        slope[0], slope[-1] = 2 * (lines[1] - lines[0]), 2 * (lines[-1] - lines[-2])
    return down * (side / 2), across * (side / 2)


def _damped(square: NDArray[Any]) -> NDArray[Any]:
    """Normal equations that have a solution: without edges along an axis a picture stays where it is on that axis."""
    weight = 1e-3 * np.trace(square[:4, :4]) + 1e-3
    return square + np.diag([weight] * 4 + [1e-3] * 2)


def _measured(one: Field, other: Field) -> Likeness:
    gray, gray_other = _gray(one), _gray(other)
    fine, fine_other = (field - _blurred(field) for field in (gray, gray_other))
    return Likeness(
        gray=_correlation(gray, gray_other),
        detail=_correlation(fine, fine_other),
        color=float(_agreement(one[::2] - one[1:2], other[::2] - other[1:2])),
        worst=_worst(gray, gray_other),
    )


def _worst(one: Field, other: Field) -> float:
    """Least agreement of any of 6 x 6 fields, each about its own mean."""
    down, across = (side // 6 for side in one.shape)
    fields = [
        field[: down * 6, : across * 6].reshape(6, down, 6, across).swapaxes(1, 2).reshape(36, -1)
        for field in (one, other)
    ]
    means = fields[1].mean(axis=1, keepdims=True)
    return float(_agreement(fields[0] - means, fields[1] - means, axis=1).min())


def _agreement(one: Field, other: Field, axis: int | None = None) -> Any:
    """``2 <a, b> / (<a, a> + <b, b>)`` above a floor of noise: 1 where equal, also where both are nearly nothing."""
    noise = 2 * _FLOOR**2 * (one.size if axis is None else one.shape[axis])
    return (2 * (one * other).sum(axis=axis) + noise) / ((one**2 + other**2).sum(axis=axis) + noise)


def _correlation(one: Field, other: Field) -> float:
    one, other = one - one.mean(), other - other.mean()
    length = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / length if length > 1e-6 else 0.0


def _seen(field: Field, window: Window) -> Field:
    """What a window shows of squares ``[n, 2 * side, 2 * side]``, as squares of half that side."""
    left, top, right, bottom = window
    fine = field.shape[-1]
    return _sampling(top, bottom, fine) @ field @ _sampling(left, right, fine).T


def _sampling(start: float, stop: float, fine: int) -> NDArray[Any]:
    """Two points of linear interpolation for each pixel of a window along one axis, ``[fine / 2, fine]``."""
    places = np.clip((start + (stop - start) * (np.arange(fine) + 0.5) / fine) * fine - 0.5, 0, fine - 1)
    low = np.minimum(places.astype(np.int64), fine - 2)
    share = (places - low).astype(np.float32) / 2
    matrix = np.zeros(fine // 2 * fine, np.float32)
    first = low + np.arange(fine) // 2 * fine
    for turn in (0, 1):  # two points may lie in one cell, so that the second is added to the first
        matrix[first[turn::2]] += 0.5 - share[turn::2]
        matrix[first[turn::2] + 1] += share[turn::2]
    return matrix.reshape(fine // 2, fine)


def _inside(start: float, stop: float, side: int) -> slice:
    """The rows or columns of the other square that the window really shows."""
    places = start + (stop - start) * _centers(side)
    shown = np.flatnonzero((places >= 0) & (places <= 1))
    return slice(int(shown[0]), int(shown[-1]) + 1)


def _centers(side: int) -> Field:
    return ((np.arange(side) + 0.5) / side).astype(np.float32)


def _halved(field: Field) -> Field:
    count, side, _ = field.shape
    return field.reshape(count, side // 2, 2, side // 2, 2).mean(axis=(2, 4))


def _blurred(field: Field) -> Field:
    """Mean over 7 x 7 pixels, fewer at the edges."""
    down, across = (_box(side) for side in field.shape)
    return down @ field @ across.T


@functools.cache
def _box(side: int) -> NDArray[Any]:
    near = np.abs(np.subtract.outer(np.arange(side), np.arange(side))) <= 3
    return (near / near.sum(axis=1, keepdims=True)).astype(np.float32)


def _with_peak(square: Field) -> Field:
    """Gray and the brightest channel, ``[2, n, n]``."""
    return np.stack([_gray(square), square.max(axis=0)])


def _gray(square: Field) -> Field:
    return np.tensordot(_LUMA, square, 1)
