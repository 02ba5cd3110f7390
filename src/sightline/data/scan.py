"""One pass over the files: checksum, size, color, and whether each image decodes at all.

What a pass found is kept in the cache folder by path, size and modification time, so that the next one
reads only what is new.
"""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import read_image, to_color
from sightline.data.samples import Names, Samples
from sightline.data.signature import SIGNATURE, signature_of, signatures_of
from sightline.errors import ImageError, RunError
from sightline.files import cache_folder, whole_file
from sightline.machine import cores

Progress = Callable[[int, int], None]
"""Called with (done, total) while a long pass runs."""

ROW = np.dtype(
    [
        ("sha256", np.uint8, 32),
        ("width", np.int32),
        ("height", np.int32),
        ("gray", np.bool_),
        ("bytes", np.int64),
        ("modified", np.int64),
        ("signature", SIGNATURE),
    ]
)
"""What is known of one sample: checksum, size in pixels, whether it has no color, size and time of its file, and what
copies of it are found by."""

_CHUNK = 2048


@dataclasses.dataclass(frozen=True, eq=False)
class Scan:
    """Facts about every sample, in the order of the samples."""

    rows: NDArray[np.void]
    """One ``ROW`` a sample."""
    faults: dict[int, str]
    """What is wrong with the samples that cannot be decoded, by their place."""

    def sha256(self, index: int) -> str:
        """Hex checksum of a sample's file (for arrays: of its pixels)."""
        return self.rows["sha256"][index].tobytes().hex()

    def take(self, indices: NDArray[np.integer[Any]]) -> "Scan":
        """The facts about the samples at these places."""
        kept = {int(old): new for new, old in enumerate(indices)}
        return Scan(self.rows[indices], {kept[old]: why for old, why in self.faults.items() if old in kept})


def scan(samples: Samples, progress: Progress | None = None) -> Scan:
    """Decode and hash every sample, on all cores, reusing what an earlier pass learnt of unchanged files."""
    if samples.pixels is not None:
        return _scan_arrays(samples.pixels)
    place = hashlib.sha256(os.fsencode(samples.root.resolve())).hexdigest()[:32]
    store = cache_folder() / "scan" / f"{place}.npz"
    rows, faults = np.zeros(len(samples), ROW), dict[int, str]()
    todo = _reuse(store, samples, rows)
    for start in range(0, len(todo), _CHUNK):
        _read(samples, rows, faults, todo[start : start + _CHUNK])
        if progress is not None:
            progress(min(start + _CHUNK, len(todo)), len(todo))
    if todo:
        _keep(store, samples, rows, faults)
    return Scan(rows, faults)


def hash_of(samples: Samples, index: int) -> str:
    """Hex checksum of a sample as it is now; empty when its file is gone."""
    if samples.pixels is not None:
        return hashlib.sha256(samples.pixels[index].tobytes()).hexdigest()
    try:
        return hashlib.sha256(samples.file(index).read_bytes()).hexdigest()
    except OSError:
        return ""


def _scan_arrays(pixels: NDArray[np.uint8]) -> Scan:
    rows = np.zeros(len(pixels), ROW)
    for index, image in enumerate(pixels):
        rows["sha256"][index] = np.frombuffer(hashlib.sha256(image.tobytes()).digest(), np.uint8)
    rows["height"], rows["width"] = pixels.shape[1:3]
    rows["gray"] = pixels.ndim == 3
    rows["signature"] = signatures_of(pixels)
    return Scan(rows, {})


def _read(samples: Samples, rows: NDArray[np.void], faults: dict[int, str], todo: list[int]) -> None:
    """Read these files in parallel: decoding and hashing both leave Python's lock."""
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        for index, (row, fault) in zip(todo, pool.map(_facts, (samples.file(i) for i in todo)), strict=True):
            rows[index] = row
            if fault:
                faults[index] = fault


def _facts(path: Path) -> tuple[tuple[Any, ...], str]:
    """A ``ROW`` of one file, and what is wrong with it."""
    size, modified = _state(path)
    try:
        raw = path.read_bytes()
        digest = np.frombuffer(hashlib.sha256(raw).digest(), np.uint8)
    except OSError as error:
        return (np.zeros(32, np.uint8), 0, 0, False, size, modified, np.zeros((), SIGNATURE)), error.strerror or str(
            error
        )
    try:
        image = read_image(raw)
        to_color(image.crop((0, 0, 1, 1)), "gray")  # refuses pixels that have no agreed range
    except ImageError as error:
        return (digest, 0, 0, False, size, modified, np.zeros((), SIGNATURE)), _short(error)
    return (digest, *image.size, _is_gray(image), size, modified, signature_of(image)), ""


def _short(error: ImageError) -> str:
    return str(error.got) if error.got is not None else error.what


def _is_gray(image: Image.Image) -> bool:
    """Whether an image has no color: by its mode, and for small pictures by looking at every pixel."""
    if image.mode in ("1", "L", "LA") or image.mode.startswith("I;16"):
        return True
    if image.mode not in ("RGB", "RGBA", "P") or max(image.size) > 96:
        return False
    red, green, blue = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    return bool((red == green).all() and (green == blue).all())


def _state(path: Path) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    return -1, -1


def _reuse(store: Path, samples: Samples, rows: NDArray[np.void]) -> list[int]:
    """Fill in what is known of unchanged files; the places that must be read. Faulty files are read again."""
    try:
        with np.load(store, allow_pickle=False) as kept:
            names, old = Names(kept["block"], kept["offsets"]), kept["rows"]
            usable = old.dtype == ROW and len(names) == len(old)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        return list(range(len(samples)))
    place = {name: row for row, name in enumerate(names)} if usable else {}
    todo: list[int] = []
    for index, path in enumerate(samples.paths):
        row = place.get(path)
        if row is not None and _state(samples.root / path) == (old["bytes"][row], old["modified"][row]):
            rows[index] = old[row]
        else:
            todo.append(index)
    return todo


def _keep(store: Path, samples: Samples, rows: NDArray[np.void], faults: dict[int, str]) -> None:
    """Remember the sound files. A cache that cannot be written costs time later and nothing else."""
    sound = np.asarray([index for index in range(len(samples)) if index not in faults], np.int64)
    names = samples.paths.take(sound)
    with contextlib.suppress(RunError), whole_file(store) as file:
        np.savez(file, block=names.block, offsets=names.offsets, rows=rows[sound])
