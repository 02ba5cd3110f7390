"""Tar shards as WebDataset and ``formats/webdataset.py`` read them."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.index import write_index
from sightline.data.formats.webdataset import CLASSES_FILE, INDEX
from sightline.data.order import epoch_order
from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.data.scan import Progress


def pack_shards(
    folder: Path,
    samples: Samples,
    facts: dict[str, NDArray[Any]],
    content: Callable[[int], tuple[bytes, str]],
    shard_bytes: int,
    seed: int,
    progress: Progress | None,
) -> int:
    """Write the shards of each part, ``classes.txt`` and ``index.npz``.

    A shard holds samples of one part, shuffled, so that reading shards one after the other is nearly a random order.
    Equal samples, seed and sizes give equal bytes.

    Args:
        folder: an empty folder.
        samples: what to pack.
        facts: the columns of ``index.FACTS``; ``content`` may correct them.
        content: encoded bytes and ending of a sample.
        shard_bytes: a shard is closed when it has so many.
        seed: of the order.
        progress: told how many samples are written.

    Returns:
        How many shards there are.
    """
    places = {name: np.zeros(len(samples), np.int64) for name in ("shard", "offset", "length")}
    shards: dict[str, int] = {}
    for part in (*range(len(PARTS)), UNASSIGNED):
        members = np.flatnonzero(samples.parts == part)
        members = members[epoch_order(seed, part & 0xFF, len(members))]
        stem = "data" if part == UNASSIGNED else PARTS[part]
        start = number = 0
        while start < len(members):
            name = f"{stem}-{number:06d}.tar"
            number += 1
            with (folder / name).open("wb") as file:
                start += _shard(file, samples, members[start:], content, places, len(shards), shard_bytes)
            shards[name] = (folder / name).stat().st_size
            if progress is not None:
                progress(int(np.count_nonzero(places["length"])), len(samples))
    (folder / CLASSES_FILE).write_text("".join(f"{name}\n" for name in samples.classes), encoding="utf-8")
    with (folder / INDEX).open("wb") as file:
        write_index(file, samples, facts, places, {"shards": shards})
    return len(shards)


def _shard(
    file: IO[bytes],
    samples: Samples,
    members: NDArray[np.int64],
    content: Callable[[int], tuple[bytes, str]],
    places: dict[str, NDArray[np.int64]],
    number: int,
    most: int,
) -> int:
    """Fill one shard from the first of these samples; how many it took."""
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for taken, index in enumerate(members.tolist()):
            raw, ending = content(index)
            key = f"{index:012d}"
            places["shard"][index], places["length"][index] = number, len(raw)
            places["offset"][index] = _add(archive, f"{key}{ending}", raw)
            _add(archive, f"{key}.cls", str(int(samples.labels[index])).encode())
            _add(archive, f"{key}.json", json.dumps(_about(samples, index), ensure_ascii=False).encode())
            if archive.offset >= most:
                return taken + 1
    return len(members)


def _about(samples: Samples, index: int) -> dict[str, Any]:
    """What is known of a sample beside its image; labels by name, because numbers change their meaning."""
    known: dict[str, Any] = {"label": samples.told(index), "path": _text(samples.paths[index])}
    if samples.parts[index] != UNASSIGNED:
        known["part"] = PARTS[samples.parts[index]]
    if samples.groups is not None:
        known["group"] = samples.group_names[samples.groups[index]]
    if samples.weights is not None:
        known["weight"] = float(samples.weights[index])
    return known


def _text(name: str) -> str:
    """A name as JSON can hold it: bytes that are not UTF-8 are spelt out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _add(archive: tarfile.TarFile, name: str, raw: bytes) -> int:
    """Append a file; where its bytes begin. Nothing but the content decides the bytes of the shard."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(raw), 0o644
    archive.addfile(info, io.BytesIO(raw))
    archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue]  it would keep a million of them
    return archive.offset - len(raw) - -len(raw) % tarfile.BLOCKSIZE
