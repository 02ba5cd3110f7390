"""A perceptual signature: equal or nearly equal for pictures that look alike."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import to_color

SIGNATURE = np.dtype([("hash", np.uint8, 8), ("mirrored", np.uint8, 8)])
"""Difference hash of the picture and of its mirror image, 64 bits each."""
_ROWS, _COLUMNS = 8, 9
_LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)


def signature_of(image: Image.Image) -> np.void:
    """Signature of an upright decoded picture, as a scalar of ``SIGNATURE``."""
    return signatures_of(np.asarray(to_color(image, "gray"))[None])[0]


def signatures_of(pixels: NDArray[np.uint8]) -> NDArray[np.void]:
    """Signatures of uint8 pictures ``[n, h, w]`` or ``[n, h, w, 3]``, as ``[n]`` of ``SIGNATURE``.

    The picture is averaged to 8 x 9 fields; each bit says whether a field is brighter than its right neighbor.
    """
    gray = pixels @ _LUMA if pixels.ndim == 4 else pixels.astype(np.float32)
    fields = _weights(gray.shape[1], _ROWS) @ gray @ _weights(gray.shape[2], _COLUMNS).T
    found = np.zeros(len(pixels), SIGNATURE)
    for name, view in (("hash", fields), ("mirrored", fields[:, :, ::-1])):
        bits = view[:, :, :-1] > view[:, :, 1:]
        found[name] = np.packbits(bits.reshape(len(pixels), 64), axis=1)
    return found


def _weights(length: int, fields: int) -> NDArray[np.float32]:
    """``[fields, length]``: the share of each pixel in each field, summing to one."""
    edges = np.linspace(0, length, fields + 1)
    start, end = np.arange(length)[None], np.arange(1, length + 1)[None]
    overlap = np.minimum(end, edges[1:, None]) - np.maximum(start, edges[:-1, None])
    shares = np.clip(overlap, 0, None)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
