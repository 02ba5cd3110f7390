"""A look at files: each is read once, decoded, hashed and measured, in as many threads as there are cores.

Decoding, hashing and the arithmetic on arrays all leave Python's lock. A thread takes some files at a time and measures
those of equal size together, which matters for small pictures.
"""

import concurrent.futures
import contextlib
import hashlib
import os
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import decode
from sightline.data.measure import luma_of, measure, reduced
from sightline.data.row import FORMATS, KINDS, MODES, ROW
from sightline.data.samples import Samples
from sightline.data.signature import signatures_of
from sightline.errors import ImageError
from sightline.machine import alone, cores

_TOGETHER = 32
"""Files that a thread takes at a time."""


class Looked(NamedTuple):
    """What was found in some files."""

    rows: NDArray[np.void]
    """A ``ROW`` of each."""
    faults: dict[int, str]
    """What is wrong with those that cannot be decoded, by their place among these files."""


def look(samples: Samples, places: NDArray[np.int64], most_pixels: int) -> Iterator[Looked]:
    """Facts about the samples at these places, some at a time, in their order."""
    pieces = [places[start : start + _TOGETHER].tolist() for start in range(0, len(places), _TOGETHER)]
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool, _kept_blocks(), alone():
        yield from pool.map(lambda piece: _facts(samples, piece, most_pixels), pieces)


def state_of(path: str) -> tuple[int, int]:
    """Size and time of a file; -1 where there is none."""
    with contextlib.suppress(OSError):
        status = os.stat(path)  # noqa: PTH116 - a Path for each of a million files takes longer than the call
        return status.st_size, status.st_mtime_ns
    return -1, -1


def _facts(samples: Samples, indices: Sequence[int], most_pixels: int) -> Looked:
    rows, faults = np.zeros(len(indices), ROW), dict[int, str]()
    alike: dict[tuple[int, ...], list[tuple[int, NDArray[np.uint8]]]] = {}
    for place, index in enumerate(indices):
        row = rows[place]
        try:
            row["bytes"], row["modified"], kept = _kept(samples, index)
            small = _one(kept, row, most_pixels) if isinstance(kept, bytes) else _array(kept, row)
        except OSError as error:
            row["fault"], faults[place] = KINDS.index("unreadable"), error.strerror or str(error)
        except ImageError as error:
            row["fault"], faults[place] = KINDS.index(error.kind), str(error.got)
        else:
            alike.setdefault(small.shape, []).append((place, small))
    for group in alike.values():
        places, pixels = [place for place, _ in group], np.stack([small for _, small in group])
        measured, luma = rows[places], luma_of(pixels)
        measure(pixels, luma, measured)
        measured["signature"] = signatures_of(luma)
        rows[places] = measured
    return Looked(rows, faults)


def _kept(samples: Samples, index: int) -> tuple[int, int, bytes | NDArray[np.uint8]]:
    """Size, time and content of a sample."""
    if samples.store is not None:
        return *samples.state(index), samples.content(index)
    path = os.path.join(samples.root, samples.paths[index])  # noqa: PTH118 - see state_of
    with open(path, "rb") as file:  # noqa: PTH123
        status = os.fstat(file.fileno())
        return status.st_size, status.st_mtime_ns, file.read()


def _array(pixels: NDArray[np.uint8], row: np.void) -> NDArray[np.uint8]:
    """Fill in what pixels say of themselves, and give the reduced copy of the picture."""
    row["sha256"] = np.frombuffer(hashlib.sha256(pixels.tobytes()).digest(), np.uint8)
    row["height"], row["width"] = pixels.shape[:2]
    row["frames"], row["orientation"] = 1, 1
    return _reduced(Image.fromarray(pixels), row)


def _one(raw: bytes, row: np.void, most_pixels: int) -> NDArray[np.uint8]:
    """Fill in what a file says of itself, and give the reduced copy of its picture."""
    row["sha256"] = np.frombuffer(hashlib.sha256(raw).digest(), np.uint8)
    found = decode(raw, "", most_pixels)
    row["width"], row["height"] = found.image.size
    row["format"], row["mode"] = _code(found.format, FORMATS), _code(found.mode, MODES)
    row["frames"], row["orientation"], row["deep"] = found.frames, found.orientation, found.deep
    row["alpha"] = found.image.has_transparency_data
    return _reduced(found.image, row)


def _reduced(image: Image.Image, row: np.void) -> NDArray[np.uint8]:
    small, digest = reduced(image)
    row["pixels"] = np.frombuffer(digest, np.uint8)
    row["gray"] = small.ndim == 2
    return small


def _code(word: str, words: tuple[str, ...]) -> int:
    return words.index(word) if word in words else 0


@contextlib.contextmanager
def _kept_blocks() -> Generator[None]:
    """Let Pillow keep the memory of a decoded picture for the next one, instead of fetching and clearing new pages."""
    core = Image.core
    before = core.get_blocks_max()
    core.set_blocks_max(max(before, 2 * cores()))
    try:
        yield
    finally:
        core.set_blocks_max(before)
