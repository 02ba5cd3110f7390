"""What earlier passes learnt of the files of a data set, kept in the cache folder."""

import contextlib
import hashlib
import os
import zipfile

import numpy as np
from numpy.typing import NDArray

from sightline.data.look import state_of
from sightline.data.row import ROW
from sightline.data.samples import Names, Samples
from sightline.errors import RunError
from sightline.files import cache_folder, whole_file

VERSION = 2
"""Changes with the meaning of a row, so that rows with another one are not taken for it."""
_DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile)


class Store:
    """The rows of the sound files of one data folder."""

    def __init__(self, samples: Samples):
        place = hashlib.sha256(os.fsencode(samples.root.resolve())).hexdigest()[:32]
        self.samples, self.path = samples, cache_folder() / "scan" / f"{place}.npz"

    def fill(self, rows: NDArray[np.void], most_pixels: int) -> NDArray[np.int64]:
        """Fill in what is known of unchanged files; the places that must be read. Faulty files are read again."""
        everything = np.arange(len(self.samples))
        try:
            with np.load(self.path, allow_pickle=False) as kept:
                names, old, version = Names(kept["block"], kept["offsets"]), kept["rows"], int(kept["version"])
                usable = old.dtype == ROW and len(names) == len(old) and version == VERSION
        except _DAMAGED:
            return everything
        if not usable:
            return everything
        found = self._places(names)
        files = self.samples.store is None
        root = os.fspath(self.samples.root)
        known = np.zeros(len(rows), np.bool_)
        for index in np.flatnonzero(found >= 0):
            row = old[found[index]]
            path = os.path.join(root, self.samples.paths[int(index)])  # noqa: PTH118 - see state_of
            state = state_of(path) if files else self.samples.state(int(index))
            known[index] = state == (row["bytes"], row["modified"])
        known[known] = old["width"][found[known]].astype(np.int64) * old["height"][found[known]] <= most_pixels
        rows[known] = old[found[known]]
        return np.flatnonzero(~known)

    def keep(self, rows: NDArray[np.void], known: NDArray[np.bool_]) -> None:
        """Remember these rows. A cache that cannot be written costs time later and nothing else."""
        sound = np.flatnonzero(known)
        names = self.samples.paths if len(sound) == len(known) else self.samples.paths.take(sound)
        with contextlib.suppress(RunError), whole_file(self.path) as file:
            np.savez(file, block=names.block, offsets=names.offsets, rows=rows[sound], version=VERSION)

    def _places(self, names: Names) -> NDArray[np.int64]:
        """Where each sample stands among the names, or -1."""
        mine = self.samples.paths
        if np.array_equal(mine.offsets, names.offsets) and np.array_equal(mine.block, names.block):
            return np.arange(len(mine))
        place = {name: row for row, name in enumerate(names)}
        return np.fromiter((place.get(path, -1) for path in mine), np.int64, len(mine))
