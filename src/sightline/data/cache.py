"""Decode once: pixels kept in memory-mapped files, found again by the checksum of the image they were made from.

In the folder of a form lie shards, each a file of pixels and an index that is written last: a shard without its index
is none. Images that several data sets, splits or folds share are kept once. Several processes may build and read at
the same time; of those that build, one works and the others wait and then find everything there. Whatever is not in
the cache, for whatever reason, is decoded and brought into the same form, so that results never depend on it.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.data.derive import image_of
from sightline.data.kept import Form, Group, Images, ImagesInMemory, Pixels
from sightline.data.samples import Samples
from sightline.errors import ImageError
from sightline.files import cache_folder

Hashes = NDArray[np.void]
"""SHA-256 of each sample's file (for arrays: of its pixels), ``[n]`` of 32 bytes each."""

ROW = np.dtype([("sha256", "V32"), ("start", np.int64), ("height", np.int32), ("width", np.int32)])
"""What the index of a shard says of an image: checksum, where its pixels begin, and their size."""
_FOUND = np.dtype([("shard", np.int32), ("start", np.int64), ("height", np.int32), ("width", np.int32)])


def default_folder() -> Path:
    """Where pixels are kept when nobody says otherwise: ``pixels`` below ``$SIGHTLINE_CACHE`` or the user's cache."""
    return cache_folder().absolute() / "pixels"


def packed(checksums: Iterable[str] | NDArray[np.uint8]) -> Hashes:
    """Checksums as hex strings, or as bytes ``[n, 32]``, in one column."""
    if isinstance(checksums, np.ndarray):
        return np.ascontiguousarray(checksums).view("V32")[:, 0]
    return np.frombuffer(b"".join(bytes.fromhex(one) for one in checksums), "V32")


class CachedImages:
    """Images in one form, mapped from the cache; those that are not in it are decoded."""

    def __init__(self, samples: Samples, form: Form, maps: list[Pixels], rows: NDArray[np.void]):
        self.samples, self.form, self.maps = samples, form, maps
        self.shard = rows["shard"]
        self.start, self.height, self.width = (rows[name] for name in ("start", "height", "width"))

    def absent(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each of these has to be decoded."""
        return self.shard[indices] < 0

    def image(self, index: int) -> Pixels:
        """The pixels of an image ``[h, w, channels]``; they cannot be written to.

        Raises:
            ImageError: it is not in the cache and cannot be decoded; names it.
        """
        shard = int(self.shard[index])
        if shard < 0:
            return made(self.samples, index, self.form)
        start, height, width = int(self.start[index]), int(self.height[index]), int(self.width[index])
        channels = self.form.contract.channels
        return self.maps[shard][start : start + height * width * channels].reshape(height, width, channels)

    def frames(self, indices: NDArray[np.int64]) -> Iterator[Group]:
        """Frames at these places, by shard; those that had to be decoded come as a group of their own."""
        shards, own = self.shard[indices], self.form.contract
        shape = own.height, own.width, own.channels
        for shard in np.unique(shards).tolist():
            places = np.flatnonzero(shards == shard)
            if shard < 0:
                yield places, np.stack([made(self.samples, int(index), self.form) for index in indices[places]])
            else:
                kept = self.maps[shard].reshape(-1, *shape)
                yield places, kept[self.start[indices[places]] // math.prod(shape)]


def made(samples: Samples, index: int, form: Form) -> Pixels:
    """An image in this form, from its file.

    Raises:
        ImageError: it cannot be decoded; names it.
    """
    image = image_of(samples, index)
    try:
        return form.made(image)
    except ImageError as error:
        raise ImageError(error.what, where=samples.paths[index], got=error.got, allowed=error.allowed) from error


def open_cache(samples: Samples, hashes: Hashes, form: Form, folder: Path) -> Images:
    """Whatever the cache holds of these samples; nothing is built."""
    if samples.pixels is not None and form.is_as_given(samples.pixels):
        return ImagesInMemory(samples, form)
    rows, maps = np.zeros(len(samples), _FOUND), list[Pixels]()
    rows["shard"] = -1
    wanted = _sortable(hashes)
    for kept, pixels in shards(folder, form):
        order = np.argsort(_sortable(kept["sha256"]), kind="stable")
        sums = _sortable(kept["sha256"])[order]
        places = np.minimum(np.searchsorted(sums, wanted), len(sums) - 1)
        new = np.flatnonzero((sums[places] == wanted) & (rows["shard"] < 0))
        if not len(new):
            continue
        rows["shard"][new] = len(maps)
        maps.append(pixels)
        for name in ("start", "height", "width"):
            rows[name][new] = kept[name][order[places[new]]]
    return CachedImages(samples, form, maps, rows)


def held(samples: Samples, form: Form, indices: NDArray[np.int64]) -> Images:
    """A few images brought into a form and held in memory, as if they had been kept."""
    images = [made(samples, int(index), form) for index in indices]
    rows = np.zeros(len(samples), _FOUND)
    rows["shard"] = -1
    rows["shard"][indices] = 0
    rows["start"][indices] = np.cumsum([0, *(image.size for image in images[:-1])])
    rows["height"][indices], rows["width"][indices] = zip(*(image.shape[:2] for image in images), strict=True)
    return CachedImages(samples, form, [np.concatenate([image.reshape(-1) for image in images])], rows)


def shards(folder: Path, form: Form) -> Iterator[tuple[NDArray[np.void], Pixels]]:
    """Index and pixels of each sound shard of a form."""
    for index in sorted((folder / form.key).glob("*.npy")):
        shard = opened(index, form)
        if shard is not None and len(shard[0]):
            yield shard


def opened(index: Path, form: Form) -> tuple[NDArray[np.void], Pixels] | None:
    """A shard by its index; ``None`` where index and pixels do not fit together or one of them is gone."""
    try:
        rows = np.load(index, allow_pickle=False)
        pixels = np.asarray(np.memmap(pixels_file(index), np.uint8, "r"))
    except (OSError, ValueError, EOFError):
        return None
    if rows.dtype != ROW or rows.ndim != 1:
        return None
    lengths = rows["height"].astype(np.int64) * rows["width"] * form.contract.channels
    starts = np.concatenate([[0], np.cumsum(lengths)])
    if (lengths < 1).any() or not np.array_equal(rows["start"], starts[:-1]) or starts[-1] != len(pixels):
        return None
    return rows, pixels


def pixels_file(index: Path) -> Path:
    """The pixels that belong to the index of a shard."""
    return index.with_suffix(".u8")


def _sortable(hashes: Hashes) -> NDArray[np.bytes_]:
    return np.ascontiguousarray(hashes).view("S32")
