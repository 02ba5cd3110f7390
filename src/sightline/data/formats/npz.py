"""NumPy arrays: one ``.npz``, or a folder of ``.npy`` files that are mapped and never read whole."""

import dataclasses
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.arrays import (
    CLASSES,
    SPLITS,
    Pair,
    coded,
    column_of,
    one_of,
    pairs_in,
    parts_of,
    require_classes,
    require_images,
    upright_channels,
)
from sightline.data.samples import Names, Samples
from sightline.data.store import Opened, Segments, Store, time_of
from sightline.errors import DataError, ImageError

_FAULTS = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def read_npz(path: Path) -> Samples:
    """Samples from arrays of images and labels.

    In a ``.npz`` the arrays are called ``images`` and ``labels`` (or ``x`` and ``y``, and so on), alone or one pair a
    part: ``x_train``, ``y_train``, ``x_test``, ``y_test``. ``classes`` may name the classes, ``split`` the part of
    each image. A folder may hold the same arrays as ``.npy`` files; giving one of them means its folder. Their pixels
    stay on disk; those of a ``.npz`` are held in memory. Pickled objects are never loaded.

    Raises:
        DataError: an array is missing, damaged, of another shape or type; names it.
        SplitError: the parts do not hold the same classes.
    """
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or path.name.lower().endswith(".npy"):
        arrays = {file.stem: _mapped(file) for file in sorted(folder.iterdir()) if is_npy(file)}
        return _samples(folder, arrays, folder)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except _FAULTS as error:
        raise _unreadable(path, error) from error
    if not arrays:
        raise DataError(f"{path.name} holds no arrays", where=str(path))
    return _samples(path, arrays, None)


def has_npy(folder: Path, names: list[str]) -> bool:
    """Whether a folder with these names in it holds images and labels as ``.npy`` files."""
    stems = [name[:-4] for name in names if is_npy(folder / name)]
    try:
        return bool(stems) and bool(pairs_in(stems, str(folder)))
    except DataError:
        return False


def is_npy(path: Path) -> bool:
    """Whether a path is a file with the ending of a NumPy array."""
    return path.name.lower().endswith(".npy") and path.is_file()


class NpyStore(Store):
    """Rows of ``.npy`` files in a folder, mapped into memory."""

    def __init__(self, folder: Path, segments: Segments):
        self.folder, self.segments = folder, segments
        self.files = {name: Opened(folder / f"{name}.npy", _map) for name in segments.names}

    def __len__(self) -> int:
        return len(self.segments)

    def read(self, row: int) -> NDArray[np.uint8]:
        """One image; touches no other page of the file."""
        name, place = self.segments.place(row)
        array = self.files[name]()
        if place >= len(array):
            raise ImageError(f"{name}.npy has no row {place}", where=str(self.folder), got=f"{len(array)} rows")
        return upright_channels(np.array(array[place]))

    def state(self, row: int) -> tuple[int, int]:
        """No size, and the time of change of the file."""
        return 0, time_of(self.folder / f"{self.segments.place(row)[0]}.npy")


def _map(path: Path) -> NDArray[Any]:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _mapped(path: Path) -> NDArray[Any]:
    try:
        return _map(path)
    except _FAULTS as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    pickled = "allow_pickle" in str(error)
    return DataError(
        f"{path.name} cannot be read",
        where=str(path.parent),
        got="an array of Python objects, which could run code when it is loaded" if pickled else str(error),
        hint="store arrays of numbers or text" if pickled else "write or fetch it again",
    )


def _samples(path: Path, arrays: dict[str, NDArray[Any]], folder: Path | None) -> Samples:
    """The arrays as samples: with a store where they lie in a folder, with their pixels otherwise."""
    where = str(path)
    pairs = pairs_in(arrays, where)
    labels = [column_of(pair.labels, arrays[pair.labels], where) for pair in pairs]
    for pair, column in zip(pairs, labels, strict=True):
        images = arrays[pair.images]
        require_images(pair.images, images.dtype, images.shape, where)
        if len(images) != len(column):
            raise DataError(
                f"{len(images)} images in {pair.images}, {len(column)} labels in {pair.labels}", where=where
            )
        if not len(images):
            raise DataError(f"no images in {pair.images}", where=where, got=f"an array of {list(images.shape)}")
    named = one_of(arrays, CLASSES)
    names = None if named is None else [str(name) for name in column_of(named, arrays[named], where)]
    classes, codes = coded(labels, names, where)
    split = one_of(arrays, SPLITS)
    words = None if split is None else column_of(split, arrays[split], where)
    parts = parts_of(pairs, [len(column) for column in labels], split, words, where)
    require_classes(classes, codes, parts, where)
    samples = Samples(
        root=path,
        paths=Names.of(
            f"{pair.images}#{row:06d}" for pair, column in zip(pairs, labels, strict=True) for row in range(len(column))
        ),
        labels=codes,
        classes=classes,
        parts=parts,
        format="npz",
    )
    if folder is not None:
        store = NpyStore(folder, Segments([pair.images for pair in pairs], [len(column) for column in labels]))
        return dataclasses.replace(samples, store=store, rows=np.arange(len(samples), dtype=np.int64))
    return dataclasses.replace(samples, pixels=_pixels([arrays[pair.images] for pair in pairs], pairs, where))


def _pixels(arrays: list[NDArray[Any]], pairs: list[Pair], where: str) -> NDArray[np.uint8]:
    """The images of all parts in one array, channels last."""
    ordered = [
        images if images.ndim == 3 or images.shape[3] in (1, 3) else images.transpose(0, 2, 3, 1) for images in arrays
    ]
    shapes = {images.shape[1:] for images in ordered}
    if len(shapes) > 1:
        sizes = ", ".join(f"{list(i.shape[1:])} in {pair.images}" for i, pair in zip(ordered, pairs, strict=True))
        raise DataError("the parts hold images of different sizes", where=where, got=sizes)
    whole = ordered[0] if len(ordered) == 1 else np.concatenate(ordered)
    return np.ascontiguousarray(whole[..., 0] if whole.ndim == 4 and whole.shape[3] == 1 else whole)
