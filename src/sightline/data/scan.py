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
from sightline.errors import ImageError, RunError
from sightline.files import cache_folder, whole_file

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
    ]
)
"""What is known of one sample: checksum, size in pixels, whether it has no color, size and time of its file."""

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
    return Scan(rows, {})


def _scan_arrays(pixels: NDArray[np.uint8]) -> Scan:
    rows = np.zeros(len(pixels), ROW)
    for index, image in enumerate(pixels):
        rows["sha256"][index] = np.frombuffer(hashlib.sha256(image.tobytes()).digest(), np.uint8)
    rows["height"], rows["width"] = pixels.shape[1:3]
    rows["gray"] = pixels.ndim == 3
    return Scan(rows, {})


def _read(samples: Samples, rows: NDArray[np.void], faults: dict[int, str], todo: list[int]) -> None:
    """Read these files in parallel: decoding and hashing both leave Python's lock."""
    with concurrent.futures.ThreadPoolExecutor(_cores()) as pool:
        for index, (row, fault) in zip(todo, pool.map(lambda i: _facts(samples, i), todo), strict=True):
            rows[index] = row
            if fault:
                faults[index] = fault


def _facts(samples: Samples, index: int) -> tuple[tuple[Any, ...], str]:
    """A ``ROW`` of one sample, and what is wrong with it."""
    size, modified = samples.state(index)
    try:
        raw = samples.content(index)
        digest = np.frombuffer(hashlib.sha256(_bytes(raw)).digest(), np.uint8)
    except (OSError, ImageError) as error:
        why = _short(error) if isinstance(error, ImageError) else error.strerror or str(error)
        return (np.zeros(32, np.uint8), 0, 0, False, size, modified), why
    if not isinstance(raw, bytes):
        return (digest, raw.shape[1], raw.shape[0], raw.ndim == 2, size, modified), ""
    try:
        image = read_image(raw)
        to_color(image.crop((0, 0, 1, 1)), "gray")  # refuses pixels that have no agreed range
    except ImageError as error:
        return (digest, 0, 0, False, size, modified), _short(error)
    return (digest, *image.size, _is_gray(image), size, modified), ""


def _bytes(raw: bytes | NDArray[np.uint8]) -> bytes:
    return raw if isinstance(raw, bytes) else raw.tobytes()


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
        if row is not None and samples.state(index) == (old["bytes"][row], old["modified"][row]):
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


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
