"""LMDB as ``formats/lmdb.py`` describes and reads it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.index import VERSION, write_index
from sightline.data.formats.lmdb import INDEX, META, key_of, library
from sightline.data.samples import Samples
from sightline.data.scan import Progress
from sightline.files import cannot_write

_ROOM = 1 << 28
_CHUNK = 1000
_PAGES = 4 * 4096
"""Bytes beside its content that a value may take: it begins on a page of its own."""


def pack_lmdb(
    folder: Path,
    samples: Samples,
    facts: dict[str, NDArray[Any]],
    content: Callable[[int], tuple[bytes, str]],
    shard_bytes: int,
    seed: int,
    progress: Progress | None,
) -> int:
    """Write the database; arguments as ``pack_shards`` has them, of which size and seed change nothing here.

    Raises:
        RunError: the disk is full.
        MissingExtra: lmdb is not installed.
    """
    del shard_bytes, seed
    lmdb = library(str(folder))
    # The file grows as it is filled, so room to spare costs nothing. Of pixels the encoded size is not known yet.
    sizes = np.where(facts["bytes"] > 0, facts["bytes"], facts["width"].astype(np.int64) * facts["height"] * 3)
    room = _ROOM + 2 * int(sizes.sum()) + _PAGES * len(samples)
    try:
        with lmdb.open(str(folder), map_size=room, writemap=False, lock=False) as environment:
            for start in range(0, len(samples), _CHUNK):
                stop = min(start + _CHUNK, len(samples))
                with environment.begin(write=True) as transaction:
                    for index in range(start, stop):
                        transaction.put(key_of(index), content(index)[0])
                if progress is not None:
                    progress(stop, len(samples))
            meta = {"format": "sightline", "version": VERSION, "count": len(samples)}
            buffer = io.BytesIO()
            write_index(buffer, samples, facts, {}, {})
            with environment.begin(write=True) as transaction:
                transaction.put(META, json.dumps(meta).encode())
                transaction.put(INDEX, buffer.getvalue())
    except lmdb.Error as error:
        full = isinstance(error, lmdb.DiskError) or "No space left" in str(error)
        raise cannot_write(folder, OSError(28 if full else 5, str(error))) from error
    return 1
