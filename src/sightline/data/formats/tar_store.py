"""Images inside tar files, read at their place without unpacking anything."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.index import FACTS
from sightline.data.store import Store, time_of
from sightline.errors import ImageError


class TarStore(Store):
    """Images at (shard, offset, length).

    Args:
        root: the folder that the shards' names are relative to.
        shards: the names.
        shard: int32 ``[n]``: place of each image's shard in ``shards``.
        offset: int64 ``[n]``: where its bytes begin.
        length: int64 ``[n]``: how many there are.
        facts: the columns of ``index.FACTS``, where the shards have an index.
    """

    def __init__(
        self,
        root: Path,
        shards: Sequence[str],
        shard: NDArray[np.int32],
        offset: NDArray[np.int64],
        length: NDArray[np.int64],
        facts: Mapping[str, NDArray[Any]] | None = None,
    ):
        self.root, self.shards = root, tuple(shards)
        self.shard, self.offset, self.length = shard, offset, length
        self.facts = None if facts is None else {name: facts[name] for name in FACTS}

    def __len__(self) -> int:
        return len(self.shard)

    def read(self, row: int) -> bytes:
        """The bytes of one image, compared with their checksum where the index has one."""
        name, length = self.shards[self.shard[row]], int(self.length[row])
        try:
            handle = os.open(self.root / name, os.O_RDONLY)
            try:
                raw = os.pread(handle, length, int(self.offset[row]))
            finally:
                os.close(handle)
        except OSError as error:
            raise ImageError(f"cannot read {name}", where=str(self.root), got=error.strerror or str(error)) from error
        if len(raw) != length:
            raise ImageError(
                f"{name} is truncated", where=str(self.root), got=f"it ends before byte {self.offset[row] + length}"
            )
        if self.facts is not None and hashlib.sha256(raw).digest() != self.facts["sha256"][row].tobytes():
            raise ImageError(
                f"an image in {name} is not the one of its index",
                where=str(self.root),
                got=f"{length} bytes from byte {self.offset[row]} with another checksum",
                hint="fetch the shard again, or pack the data again",
            )
        return raw

    def state(self, row: int) -> tuple[int, int]:
        """Bytes of the image, and the time of change of its shard."""
        return int(self.length[row]), time_of(self.root / self.shards[self.shard[row]])

    def declared(self) -> dict[str, NDArray[Any]] | None:
        """The facts of the index."""
        return self.facts
