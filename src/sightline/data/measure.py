"""Figures about pictures, taken on reduced copies: cheap enough to be known of every image of a data set."""

import hashlib
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import to_color

SIDE = 96
"""The longer axis of a reduced copy has this many pixels at least, and fewer than twice as many."""
_SHORTEST = 16
"""A long and narrow picture is not reduced below this on its shorter axis."""
_SAMPLED = 32
"""Histograms are taken over at least this many places along each axis, where there are as many."""
_LEVELS = np.arange(256, dtype=np.float64)
_SHARES, _HALF = (77, 150, 29), 128


def reduced(image: Image.Image) -> tuple[NDArray[np.uint8], bytes]:
    """A small copy of an upright picture, ``[h, w]`` where it has no color and else ``[h, w, 3]``, and a hash.

    The hash has 16 bytes, equal for pictures with equal pixels, whatever file they came from. It is taken from the
    size, the small copy and the middle row at full size, which is a fraction of the work of hashing every pixel:
    pictures that differ in next to nothing may share it, so whoever must be sure compares the pixels of those few.
    """
    plain = image if image.mode in ("L", "RGB") and "transparency" not in image.info else to_color(image, "rgb")
    width, height = plain.size
    factors = _factors(width, height)
    whole = factors == (1, 1)
    small = np.asarray(plain if whole else plain.reduce(factors))
    if small.ndim == 3 and _is_gray(small) and (whole or _bands_equal(plain)):
        plain, small = plain.getchannel(0), np.ascontiguousarray(small[:, :, 0])
    row = b"" if whole else plain.crop((0, height // 2, width, height // 2 + 1)).tobytes()
    return small, pixel_hash(small, (height, width), row)


def _factors(width: int, height: int) -> tuple[int, int]:
    """By how much to reduce each axis: by the same, but not where that leaves next to nothing of one."""
    factor = max(1, max(width, height) // SIDE)
    across, down = (max(1, min(factor, side // _SHORTEST)) for side in (width, height))
    return across, down


def _is_gray(pixels: NDArray[np.uint8]) -> bool:
    few = pixels[::16, ::16]  # nearly always enough to see that there is color
    return bool((few[..., 0] == few[..., 2]).all() and is_gray(pixels[None])[0])


def pixel_hash(small: NDArray[np.uint8], size: tuple[int, int], row: bytes = b"") -> bytes:
    """16 bytes for a picture of this size, its small copy and a row of it."""
    digest = hashlib.sha256(struct.pack("<iiB", *size, small.ndim))
    digest.update(small.tobytes())
    digest.update(row)
    return digest.digest()[:16]


def is_gray(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Of pictures ``[n, h, w, 3]`` those whose channels are equal."""
    red, green, blue = (pixels[..., channel].reshape(len(pixels), -1) for channel in range(3))
    return (red == green).all(axis=1) & (red == blue).all(axis=1)


def luma_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures ``[n, h, w, 3]`` in gray (ITU-R BT.601 in 1/256, rounded); those without color as they are."""
    if pixels.ndim == 3:
        return pixels
    total = np.full(pixels.shape[:3], _HALF, np.uint16)
    for channel, share in enumerate(_SHARES):
        total += np.multiply(pixels[..., channel], np.uint16(share), dtype=np.uint16)
    return (total >> 8).astype(np.uint8)


def measure(pixels: NDArray[np.uint8], luma: NDArray[np.uint8], rows: NDArray[np.void]) -> None:
    """Fill in the figures about pictures of one size.

    Args:
        pixels: ``[n, h, w]`` or ``[n, h, w, 3]``.
        luma: ``[n, h, w]``, the same pictures in gray.
        rows: ``ROW`` of each, which takes the figures.

    ``noise`` follows J. Immerkaer, "Fast Noise Variance Estimation", 1996; ``sharpness`` is the standard deviation of
    the Laplacian.
    """
    counts = _histograms(luma[..., None])
    mean, std, _ = _moments(counts)
    rows["brightness"], rows["contrast"] = mean[:, 0], std[:, 0]
    rows["low"], rows["high"] = _quantile(counts, 0.01)[:, 0], _quantile(counts, 0.99)[:, 0]
    if pixels.ndim == 4:
        mean, std, counts = _moments(_histograms(pixels))
    rows["mean"], rows["std"], rows["median"] = mean, std, _quantile(counts, 0.5)
    signed = luma.astype(np.int16)
    rows["sharpness"] = _sharpness(signed)
    rows["noise"] = _noise(signed)


def _bands_equal(image: Image.Image) -> bool:
    red, green, blue = (band.tobytes() for band in image.split())
    return red == green == blue


def _histograms(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Counts ``[n, channels, 256]`` over places that are spread evenly."""
    steps = [max(1, side // _SAMPLED) for side in pixels.shape[1:3]]
    sampled = pixels[:, :: steps[0], :: steps[1]]
    count, channels = len(sampled), sampled.shape[3]
    owner = np.arange(count * channels, dtype=np.int32).reshape(count, 1, 1, channels) << 8
    flat = (sampled + owner).reshape(-1)
    return np.bincount(flat, minlength=count * channels << 8).reshape(count, channels, 256)


def _moments(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    total = counts.sum(axis=2)
    mean = counts @ _LEVELS / total
    square = counts @ _LEVELS**2 / total
    return mean, np.sqrt(np.maximum(square - mean**2, 0)), counts


def _quantile(counts: NDArray[np.int64], share: float) -> NDArray[np.uint8]:
    """The lowest level that has this share of the pixels at or below it."""
    running = counts.cumsum(axis=2)
    return (running >= share * running[:, :, -1:]).argmax(axis=2).astype(np.uint8)


def _sharpness(luma: NDArray[np.int16]) -> NDArray[np.float64]:
    if min(luma.shape[1:]) < 3:
        return np.zeros(len(luma))
    middle = luma[:, 1:-1, 1:-1]
    across = luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
    laplacian = 4 * middle - across - luma[:, :-2, 1:-1] - luma[:, 2:, 1:-1]
    flat = laplacian.reshape(len(luma), -1).astype(np.float32)
    mean, square = flat.mean(axis=1), np.einsum("ij,ij->i", flat, flat) / flat.shape[1]
    return np.sqrt(np.maximum(square - mean**2, 0))


def _noise(luma: NDArray[np.int16]) -> NDArray[np.float64]:
    if min(luma.shape[1:]) < 3:
        return np.zeros(len(luma))
    down = luma[:, :-2] - 2 * luma[:, 1:-1] + luma[:, 2:]
    both = down[:, :, :-2] - 2 * down[:, :, 1:-1] + down[:, :, 2:]
    return np.abs(both).reshape(len(luma), -1).mean(axis=1) * np.sqrt(np.pi / 2) / 6
