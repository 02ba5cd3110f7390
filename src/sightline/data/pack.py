"""Packing a data set: the encoded bytes of every image, unchanged, in few large files that are written whole or not."""

import contextlib
import dataclasses
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.formats.index import FACTS
from sightline.data.image import ending_of, is_image_name
from sightline.data.pack_lmdb import pack_lmdb
from sightline.data.pack_shards import pack_shards
from sightline.data.samples import Samples
from sightline.data.scan import Progress, Scan
from sightline.errors import RunError
from sightline.files import cannot_write


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packed:
    """What was written."""

    files: int
    """How many files hold images."""
    bytes: int
    """Bytes of the whole folder."""


PACKERS: dict[str, Callable[..., int]] = {"webdataset": pack_shards, "lmdb": pack_lmdb}
"""Every container that can be written: (folder, samples, facts, content, shard bytes, seed, progress) -> files."""


def pack(
    samples: Samples,
    facts: Scan,
    *,
    to: str,
    out: Path,
    shard_bytes: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> Packed:
    """Write samples into a new folder.

    Args:
        samples: what to pack; pixels become PNG, everything else keeps its bytes.
        facts: about the same samples.
        to: a key of ``PACKERS``.
        out: the folder; must not exist, or be empty.
        shard_bytes: size that a shard of ``webdataset`` is closed at.
        seed: of the order of the samples in the shards.
        progress: told how far it is.

    Raises:
        RunError: the folder holds something, the disk is or would be full; nothing is left behind.
        ImageError: an image cannot be read.
    """
    _require_room(samples, facts, out)
    columns = {name: facts.rows[name].copy() for name in FACTS}
    with _whole_folder(out) as folder:
        files = PACKERS[to](folder, samples, columns, _content_of(samples, columns), shard_bytes, seed, progress)
        total = sum(file.stat().st_size for file in folder.iterdir())
    return Packed(files=files, bytes=total)


def _content_of(samples: Samples, columns: dict[str, NDArray[Any]]) -> Callable[[int], tuple[bytes, str]]:
    """A function that gives the encoded bytes of a sample and the ending that fits them."""

    def content(index: int) -> tuple[bytes, str]:
        raw = samples.content(index)
        if isinstance(raw, bytes):
            name = samples.paths[index]
            return raw, Path(name).suffix.lower() if is_image_name(Path(name).name) else ending_of(raw)
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(raw)).save(buffer, "PNG")
        encoded = buffer.getvalue()
        columns["sha256"][index] = np.frombuffer(hashlib.sha256(encoded).digest(), np.uint8)
        columns["bytes"][index] = len(encoded)
        return encoded, ".png"

    return content


def _require_room(samples: Samples, facts: Scan, out: Path) -> None:
    """Refuse before the first byte what cannot end well."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is not empty", where="--out", hint="choose another folder with --out, or remove it")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    needed, free = int(facts.rows["bytes"].sum()), shutil.disk_usage(above).free
    if needed > free:
        raise RunError(
            f"disk full: {needed / 1e9:.1f} GB of images and {free / 1e9:.1f} GB free",
            where=str(above),
            got=f"{len(samples)} images",
            hint="choose a folder on a larger disk with --out",
        )


@contextlib.contextmanager
def _whole_folder(out: Path) -> Generator[Path]:
    """A neighbour of ``out`` to write into, renamed to it when all is on disk, removed when anything fails."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.sync()  # one call for all files: the rename must not reach the disk before them
        if out.is_dir():
            out.rmdir()
        temporary.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
