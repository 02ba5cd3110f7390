"""Whether two pictures are one and the same: laid over each other, then compared pixel by pixel.

A search by hashes only suspects. Here both pictures are squeezed to a small square, the window of one that shows what
the other shows is found by Gauss-Newton steps (B. Lucas and T. Kanade, "An Iterative Image Registration Technique",
IJCAI 1981, here with a window and a gain), and four measures are taken, each of which must be passed.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import to_color

SIDE = 64
"""Side of the squares that are compared, in pixels; they are sampled from squares of twice that side."""

_LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)
_SHARE = ((np.arange(SIDE) + 0.5) / SIDE).astype(np.float32)
_WHOLE = (0.0, 0.0, 1.0, 1.0)
_FLOOR = 6.0
"""Gray levels: differences of this size are noise of compression and count for nothing by themselves."""
_BURNT = 250
_LOW = np.asarray([-0.1, -0.1, 0.9, 0.9])
_HIGH = np.asarray([0.1, 0.1, 1.1, 1.1])
_STEPS = 10

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
    """Lay one square over the other and measure.

    Args:
        one: ``[3, 128, 128]``, already mirrored where that is the suspicion.
        other: ``[3, 128, 128]``.
        start: the window of ``one`` that is suspected to show what ``other`` shows.
    """
    target = _seen(other, _WHOLE)
    window, gain, shift = _aligned(_with_peak(_soft(one)), _with_peak(_soft(other)), start)
    rows, columns = _inside(window[1], window[3]), _inside(window[0], window[2])
    seen, target = _seen(one, window)[:, rows, columns], target[:, rows, columns]
    # The darker one is brightened and not the other way round: what was burnt out cannot be brought back.
    if gain >= 1:
        return _measured(np.clip(gain * seen + shift, 0, 255), target)
    return _measured(seen, np.clip((target - shift) / gain, 0, 255))


def _aligned(one: Field, other: Field, start: Window) -> tuple[Window, float, float]:
    """The window of ``one`` that is most like ``other``, and the gain and shift in brightness.

    Args:
        one: gray and the brightest channel, ``[2, 128, 128]``.
        other: the same of the other picture.
        start: where to begin.
    """
    wanted, peak = _seen(other, _WHOLE)
    window, light = np.asarray(start, np.float64), np.asarray([1.0, 0.0])
    for _ in range(_STEPS):
        rows, columns = _inside(window[1], window[3]), _inside(window[0], window[2])
        seen, peak_seen = _seen(one, (window[0], window[1], window[2], window[3]))
        down, across = (slope * SIDE for slope in np.gradient(seen))  # for a move by the whole side
        slopes = (across * (1 - _SHARE), down * (1 - _SHARE[:, None]), across * _SHARE, down * _SHARE[:, None])
        predicted = light[0] * seen + light[1]
        # One burnt-out channel bends the gray: such pixels say nothing about the light.
        usable = (np.maximum(light[0] * peak_seen + light[1], peak) < _BURNT)[rows, columns].ravel()
        fields = (*(light[0] * slope for slope in slopes), seen, np.ones_like(seen))
        design = np.stack([field[rows, columns].ravel() * usable for field in fields], axis=1)
        square = design.T @ design
        # A picture without edges along one axis does not say where it lies on that axis: then it stays.
        square[range(4), range(4)] += 1e-3 * np.trace(square[:4, :4]) + 1e-3
        square[range(4, 6), range(4, 6)] += 1e-3
        step = np.linalg.solve(square, design.T @ (wanted - predicted)[rows, columns].ravel())
        window = np.clip(window + np.clip(step[:4], -0.05, 0.05), _LOW, _HIGH)
        light = np.clip(light + step[4:], (0.25, -64), (4, 64))
        if np.abs(step[:4]).max() < 5e-4:
            break
    return (window[0], window[1], window[2], window[3]), float(light[0]), float(light[1])


def _measured(one: Field, other: Field) -> Likeness:
    gray, gray_other = _gray(one), _gray(other)
    fine, fine_other = (field - _blurred(field) for field in (gray, gray_other))
    return Likeness(
        gray=_correlation(gray, gray_other),
        detail=_correlation(fine, fine_other),
        color=_agreement(one[::2] - one[1:2], other[::2] - other[1:2]),
        worst=_worst(gray, gray_other),
    )


def _worst(one: Field, other: Field) -> float:
    """Least agreement of any field of the picture, each about its own mean."""
    rows, columns = (np.array_split(np.arange(side), 6) for side in one.shape)
    fields = ((one[np.ix_(down, across)], other[np.ix_(down, across)]) for down in rows for across in columns)
    return min(_agreement(a - b.mean(), b - b.mean()) for a, b in fields)


def _agreement(one: Field, other: Field) -> float:
    """``2 <a, b> / (<a, a> + <b, b>)`` above a floor of noise: 1 where equal, also where both are nearly nothing."""
    noise = 2 * _FLOOR**2 * one.size
    return float((2 * (one * other).sum() + noise) / ((one**2).sum() + (other**2).sum() + noise))


def _correlation(one: Field, other: Field) -> float:
    one, other = one - one.mean(), other - other.mean()
    length = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / length if length > 1e-6 else 0.0


def _seen(field: Field, window: Window) -> Field:
    """What a window shows of squares ``[n, 128, 128]``, as squares ``[n, 64, 64]``."""
    left, top, right, bottom = window
    return _sampling(top, bottom) @ field @ _sampling(left, right).T


def _sampling(start: float, stop: float) -> Field:
    """Two points of linear interpolation for each pixel of a window along one axis, ``[64, 128]``."""
    fine = 2 * SIDE
    places = np.clip((start + (stop - start) * (np.arange(fine) + 0.5) / fine) * fine - 0.5, 0, fine - 1)
    low = np.minimum(places.astype(np.int64), fine - 2)
    share = places - low
    matrix = np.zeros((SIDE, fine), np.float32)
    for turn in (0, 1):
        here = slice(turn, None, 2)
        np.add.at(matrix, (np.arange(SIDE), low[here]), (1 - share[here]) / 2)
        np.add.at(matrix, (np.arange(SIDE), low[here] + 1), share[here] / 2)
    return matrix


def _inside(start: float, stop: float) -> slice:
    """The rows or columns of the other square that the window really shows."""
    places = start + (stop - start) * _SHARE
    shown = np.flatnonzero((places >= 0) & (places <= 1))
    return slice(int(shown[0]), int(shown[-1]) + 1)


def _box(side: int, reach: int) -> Field:
    """A mean over ``2 * reach + 1`` neighbours (fewer at the edges) as a matrix ``[side, side]``."""
    near = np.abs(np.subtract.outer(np.arange(side), np.arange(side))) <= reach
    return (near / near.sum(axis=1, keepdims=True)).astype(np.float32)


def _blurred(field: Field) -> Field:
    """Mean over 7 x 7 pixels."""
    down, across = (_box(side, 3) for side in field.shape)
    return down @ field @ across.T


def _soft(square: Field) -> Field:
    """Mean over 5 x 5 pixels of every channel, so that slopes lead over some distance."""
    return _SOFT @ square @ _SOFT.T


def _with_peak(square: Field) -> Field:
    return np.stack([_gray(square), square.max(axis=0)])


def _gray(square: Field) -> Field:
    return np.tensordot(_LUMA, square, 1)


_SOFT = _box(2 * SIDE, 2)
