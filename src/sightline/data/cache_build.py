"""Building the cache: decode with all cores, write shard after shard, each whole or not at all."""

import collections
import concurrent.futures
import contextlib
import fcntl
import shutil
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.cache import ROW, Hashes, default_folder, made, open_cache, opened, packed, pixels_file
from sightline.data.contract import Contract
from sightline.data.kept import Form, Images, Pixels
from sightline.data.samples import Samples
from sightline.data.scan import Progress, hash_of
from sightline.errors import ChangedDataError
from sightline.files import cannot_write, whole_file, write_json
from sightline.machine import cores

SHARD = 1 << 28
"""Bytes after which a shard ends; a build that is killed loses no more than one."""
_AHEAD = 64


def build_cache(
    samples: Samples,
    contract: Contract,
    *,
    side: int | None = None,
    hashes: Hashes | None = None,
    indices: NDArray[np.int64] | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Images:
    """Put what is missing of these samples into the cache, and open it.

    Args:
        samples: the images.
        contract: what the model sees; says color, filter and, for frames, everything else.
        side: shorter side of whole images for random crops, in pixels; ``None``: the contract's frames.
        hashes: checksums of all samples, as ``packed`` gives them; where missing, the files are read for them.
        indices: places of the samples that are wanted; where missing, all.
        folder: where pixels are kept; where missing, the user's cache.
        progress: is told how many of the missing images are done.

    Raises:
        RunError: the folder cannot be written or the disk is full; what was finished before stays and is used.
        ImageError: an image cannot be decoded.
        ChangedDataError: a file is not the one that the checksum was made of.
    """
    form, place = Form(contract, side), folder or default_folder()
    if hashes is None:
        hashes = packed([hash_of(samples, index) or "00" * 32 for index in range(len(samples))])
    wanted = np.arange(len(samples)) if indices is None else indices
    images = open_cache(samples, hashes, form, place)
    if not images.absent(wanted).any():
        return images
    try:
        with _locked(place / form.key):
            images = open_cache(samples, hashes, form, place)  # somebody else may have built it meanwhile
            missing = wanted[images.absent(wanted)]
            missing = missing[
                np.sort(np.unique(np.ascontiguousarray(hashes[missing]).view("S32"), return_index=True)[1])
            ]
            _sweep(place / form.key, form)
            if len(missing):
                write_json(place / form.key / "form.json", form.described())
                _write(samples, hashes, missing, form, place / form.key, progress)
    except OSError as error:
        raise cannot_write(place / form.key, error) from error
    return open_cache(samples, hashes, form, place)


def room(folder: Path) -> int:
    """Free bytes on the disk that a folder lies or would lie on."""
    for place in (folder, *folder.parents):
        if place.exists():
            return shutil.disk_usage(place).free
    return 0


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Only one process builds in a folder; the lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(folder: Path, form: Form) -> None:
    """Remove what killed builds left behind, and shards that are not whole."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
    for index in folder.glob("*.npy"):
        if opened(index, form) is None:
            index.unlink(missing_ok=True)
    for pixels in folder.glob("*.u8"):
        if not pixels.with_suffix(".npy").exists():
            pixels.unlink(missing_ok=True)


def _write(
    samples: Samples, hashes: Hashes, indices: NDArray[np.int64], form: Form, folder: Path, progress: Progress | None
) -> None:
    """All of these images, in as many shards as they take."""
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        stream = _decoded(pool, samples, hashes, indices, form)
        done = 0
        while done < len(indices):
            index = folder / f"{uuid.uuid4().hex}.npy"
            rows, start = list[tuple[Any, ...]](), 0
            with whole_file(pixels_file(index)) as file:
                for place, pixels in stream:
                    file.write(np.ascontiguousarray(pixels).data)
                    rows.append((hashes[place], start, *pixels.shape[:2]))
                    start += pixels.nbytes
                    done += 1
                    if progress is not None and done % _AHEAD == 0:
                        progress(done, len(indices))
                    if start >= SHARD:
                        break
            with whole_file(index) as file:
                np.save(file, np.asarray(rows, ROW))


def _decoded(
    pool: concurrent.futures.Executor, samples: Samples, hashes: Hashes, indices: NDArray[np.int64], form: Form
) -> Iterator[tuple[int, Pixels]]:
    """Places and pixels in order, a few images ahead of the writer and no more."""
    waiting = collections.deque[tuple[int, concurrent.futures.Future[Pixels]]]()
    try:
        for index in indices.tolist():
            waiting.append((index, pool.submit(_verified, samples, hashes, index, form)))
            if len(waiting) > _AHEAD:
                place, future = waiting.popleft()
                yield place, future.result()
        while waiting:
            place, future = waiting.popleft()
            yield place, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def _verified(samples: Samples, hashes: Hashes, index: int, form: Form) -> Pixels:
    """An image whose file is the one that its checksum was made of: a wrong entry would spoil later runs."""
    pixels = made(samples, index, form)
    if hash_of(samples, index) != hashes[index].tobytes().hex():
        raise ChangedDataError(
            "an image changed while it was read",
            where=str(samples.root),
            got=samples.paths[index],
            hint="run the same command again when nothing else writes to the images",
        )
    return pixels
