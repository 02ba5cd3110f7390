"""One pass over the samples: checksum, size, color, figures, and whether each image decodes at all.

What a pass found is kept in the cache folder by path, size and modification time, so that the next one
reads only what is new.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import MOST_PIXELS
from sightline.data.look import look
from sightline.data.measure import SIDE, is_gray, luma_of, measure, pixel_hash, reduced
from sightline.data.row import ROW
from sightline.data.samples import Samples
from sightline.data.scan_store import Store
from sightline.data.signature import signatures_of
from sightline.errors import ImageError

Progress = Callable[[int, int], None]
"""Called with (done, total) while a long pass runs."""

_CHUNK = 2048


@dataclasses.dataclass(frozen=True, eq=False)
class Scan:
    """Facts about every sample, in the order of the samples."""

    rows: NDArray[np.void]
    """One ``ROW`` a sample."""
    faults: dict[int, str]
    """What is wrong with the samples that cannot be decoded, by their place."""
    measured: bool = True
    """Whether the images were looked at; if not, a container told their checksums and sizes and nothing else."""

    def sha256(self, index: int) -> str:
        """Hex checksum of a sample's file (for arrays: of its pixels)."""
        return self.rows["sha256"][index].tobytes().hex()

    def take(self, indices: NDArray[np.integer[Any]]) -> "Scan":
        """The facts about the samples at these places."""
        kept = {int(old): new for new, old in enumerate(indices)} if self.faults else {}
        faults = {kept[old]: why for old, why in self.faults.items() if old in kept}
        return Scan(self.rows[indices], faults, self.measured)


def scan(samples: Samples, progress: Progress | None = None, most_pixels: int = MOST_PIXELS) -> Scan:
    """Decode, hash and measure every sample, on all cores, reusing what an earlier pass learnt of unchanged files.

    Args:
        samples: what to look at.
        progress: called now and then.
        most_pixels: images with more pixels are not decoded and count as damaged.
    """
    rows, faults = np.zeros(len(samples), ROW), dict[int, str]()
    if samples.pixels is not None:
        _scan_arrays(samples.pixels, rows, progress)
        return Scan(rows, faults)
    store = Store(samples)
    todo = store.fill(rows, most_pixels)
    known = np.ones(len(samples), np.bool_)
    known[todo] = False
    try:
        _scan_files(samples, rows, faults, todo, known, most_pixels, progress)
    finally:
        # Also after Ctrl-C: what was learnt so far is not learnt again.
        if known[todo].any():
            known[list(faults)] = False
            store.keep(rows, known)
    return Scan(rows, faults)


def hash_of(samples: Samples, index: int) -> str:
    """Hex checksum of a sample as it is now; empty when its file is gone."""
    if samples.pixels is not None:
        return hashlib.sha256(samples.pixels[index].tobytes()).hexdigest()
    if samples.store is not None and samples.rows is not None and (said := samples.store.declared()) is not None:
        return said["sha256"][samples.rows[index]].tobytes().hex()  # each read is compared with it
    try:
        return hashlib.sha256(_bytes(samples.content(index))).hexdigest()
    except (OSError, ImageError):
        return ""


def declared(samples: Samples) -> Scan | None:
    """The facts that the samples' container holds about them, where it does; no image is read."""
    said = None if samples.store is None else samples.store.declared()
    if said is None or samples.rows is None:
        return None
    rows = np.zeros(len(samples), ROW)
    for name, column in said.items():
        rows[name] = column[samples.rows]
    rows["pixels"] = rows["sha256"][:, :16]  # so that equal files are known as copies; nothing else was measured
    return Scan(rows, {}, measured=False)


def _bytes(raw: bytes | NDArray[np.uint8]) -> bytes:
    return raw if isinstance(raw, bytes) else raw.tobytes()


def _scan_files(
    samples: Samples, rows: NDArray[np.void], faults: dict[int, str], todo: NDArray[np.int64],
    known: NDArray[np.bool_], most_pixels: int, progress: Progress | None,
) -> None:  # fmt: skip
    for start in range(0, len(todo), _CHUNK):
        chunk = todo[start : start + _CHUNK]
        done = 0
        for found in look(samples, chunk, most_pixels):
            places = chunk[done : done + len(found.rows)]
            rows[places], known[places] = found.rows, True
            faults.update({int(places[place]): why for place, why in found.faults.items()})
            done += len(found.rows)
            if progress is not None and (done % 256 == 0 or done == len(chunk)):
                progress(start + done, len(todo))


def _scan_arrays(pixels: NDArray[np.uint8], rows: NDArray[np.void], progress: Progress | None) -> None:
    """Arrays are measured many at a time; where they are large, one by one on reduced copies, as files are."""
    rows["height"], rows["width"] = pixels.shape[1:3]
    rows["gray"], rows["frames"], rows["orientation"] = pixels.ndim == 3, 1, 1
    rows["bytes"] = int(np.prod(pixels.shape[1:]))
    large = max(pixels.shape[1:3]) >= 2 * SIDE
    step = max(1, min(_CHUNK, (1 << 24) // max(1, int(np.prod(pixels.shape[1:])))))
    for start in range(0, len(pixels), step):
        part, here = np.asarray(pixels[start : start + step]), rows[start : start + step]
        here["sha256"] = _digests(hashlib.sha256(image.tobytes()).digest() for image in part)
        if large:
            copies = [reduced(Image.fromarray(image)) for image in part]
            here["pixels"] = _digests(digest for _, digest in copies)
            for row, (small, _) in enumerate(copies):
                _measure(small[None], here[row : row + 1])
        else:
            here["pixels"] = _small_hashes(part)
            _measure(part, here)
        if progress is not None:
            progress(min(start + step, len(pixels)), len(pixels))


def _measure(pixels: NDArray[np.uint8], rows: NDArray[np.void]) -> None:
    luma = luma_of(pixels)
    measure(pixels, luma, rows)
    rows["signature"] = signatures_of(luma)


def _small_hashes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    gray = is_gray(pixels) if pixels.ndim == 4 else np.zeros(len(pixels), np.bool_)
    size = pixels.shape[1], pixels.shape[2]
    shown = (image[:, :, 0] if plain else image for image, plain in zip(pixels, gray, strict=True))
    return _digests(pixel_hash(image, size) for image in shown)


def _digests(digests: Any) -> NDArray[np.uint8]:
    column = [np.frombuffer(digest, np.uint8) for digest in digests]
    return np.stack(column)
