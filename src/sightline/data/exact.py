"""Exact copies: samples with equal decoded pixels, whatever their files are."""

import concurrent.futures
import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sightline.data.derive import image_of
from sightline.data.image import to_color
from sightline.data.samples import Samples
from sightline.data.scan import Scan
from sightline.machine import cores


def exact_copies(samples: Samples, scan: Scan, sound: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Places of samples with equal pixels, each group in order.

    The hash of the scan suspects; files of equal bytes need no more, the others are decoded to make sure.

    Args:
        samples: the images.
        scan: facts about them.
        sound: places of those that can be decoded.
    """
    hashes = np.ascontiguousarray(scan.rows["pixels"][sound]).view("V16").reshape(-1)
    order = np.argsort(hashes, kind="stable")
    starts = np.flatnonzero(np.r_[True, hashes[order][1:] != hashes[order][:-1]])
    for members in np.split(sound[order], starts[1:]):
        if len(members) > 1:
            yield from _confirmed(samples, scan, np.sort(members))


def _confirmed(samples: Samples, scan: Scan, members: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    files = [scan.sha256(int(place)) for place in members]
    firsts = dict(zip(reversed(files), reversed(members.tolist()), strict=True))
    if len(firsts) == 1:
        yield members
        return
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        digests = dict(zip(firsts, pool.map(lambda place: _digest(samples, place), firsts.values()), strict=True))
    pixels = [digests[file] for file in files]
    for digest in dict.fromkeys(pixels):
        group = members[[own == digest for own in pixels]]
        if len(group) > 1:
            yield group


def _digest(samples: Samples, place: int) -> bytes:
    image = image_of(samples, place)
    if isinstance(image, np.ndarray):
        return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
    shown = to_color(image, "rgb")
    return hashlib.sha256(repr(shown.size).encode() + shown.tobytes()).digest()
