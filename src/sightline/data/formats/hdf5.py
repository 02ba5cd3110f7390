"""HDF5: pixels or encoded images in data sets, read image by image."""

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
from sightline.errors import DataError, ImageError, MissingExtra

SUFFIXES = (".h5", ".hdf5", ".hdf")
"""Endings of HDF5 files, in lower case."""


def read_hdf5(path: Path) -> Samples:
    """Samples from an HDF5 file.

    Data sets ``images`` and ``labels`` (or ``x`` and ``y``, …) lie at the top, or in groups ``train``, ``val`` and
    ``test``. Images are uint8 pixels, or one variable-length row of uint8 each with the bytes of an encoded file.
    Class names are a data set or an attribute ``classes``; a data set ``split`` may say the part of each image.

    Raises:
        DataError: a data set is missing, of another shape or type, or the file is damaged; names it.
        SplitError: the parts do not hold the same classes.
        MissingExtra: h5py is not installed.
    """
    where = str(path)
    try:
        with _open(path) as file:
            sets = _sets(file)
            pairs = pairs_in(sets, where)
            labels = [column_of(pair.labels, _text(sets[pair.labels]), where) for pair in pairs]
            for pair, column in zip(pairs, labels, strict=True):
                _require_fit(pair, sets[pair.images], column, where)
            classes, codes = coded(labels, _class_names(file, sets, pairs, where), where)
            split = one_of(sets, SPLITS)
            words = None if split is None else column_of(split, _text(sets[split]), where)
            parts = parts_of(pairs, [len(column) for column in labels], split, words, where)
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError(
            f"{path.name} is no HDF5 file that can be read", where=str(path.parent), got=str(error),
            hint="write or fetch it again",
        ) from error  # fmt: skip
    require_classes(classes, codes, parts, where)
    counts = [len(column) for column in labels]
    return Samples(
        root=path,
        paths=Names.of(
            f"{pair.images}#{row:06d}" for pair, count in zip(pairs, counts, strict=True) for row in range(count)
        ),
        labels=codes,
        classes=classes,
        parts=parts,
        store=Hdf5Store(path, Segments([pair.images for pair in pairs], counts)),
        rows=np.arange(len(codes), dtype=np.int64),
        format="hdf5",
    )


class Hdf5Store(Store):
    """Rows of data sets in an HDF5 file."""

    def __init__(self, path: Path, segments: Segments):
        self.path, self.segments = path, segments
        self.file: Opened[Any] = Opened(path, _open)

    def __len__(self) -> int:
        return len(self.segments)

    def read(self, row: int) -> bytes | NDArray[np.uint8]:
        """One row; h5py lets one thread at a time into the library."""
        name, place = self.segments.place(row)
        try:
            value = np.asarray(self.file()[name][place], np.uint8)
        except ImageError:
            raise
        except Exception as error:  # h5py raises OSError, KeyError, ValueError and RuntimeError for damage
            raise ImageError(f"cannot read {name}[{place}]", where=str(self.path), got=str(error)) from error
        return value.tobytes() if value.ndim == 1 else upright_channels(value)

    def state(self, row: int) -> tuple[int, int]:
        """No size, and the time of change of the file."""
        del row
        return 0, time_of(self.path)


def _open(path: Path) -> Any:
    try:
        import h5py  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise MissingExtra("h5py is not installed", where=str(path), hint='pip install "sightline[hdf5]"') from error
    return h5py.File(path, "r")


def _sets(file: Any) -> dict[str, Any]:
    """Every data set at the top and in groups one level below, by its path."""
    found: dict[str, Any] = {}
    for name, item in file.items():
        if hasattr(item, "shape"):
            found[name] = item
        elif hasattr(item, "items"):
            found |= {f"{name}/{inner}": one for inner, one in item.items() if hasattr(one, "shape")}
    return found


def _text(column: Any) -> Any:
    """A column of labels; variable-length text as ``str``."""
    return column.asstr()[()] if column.dtype.kind == "O" else column[()]


def _require_fit(pair: Pair, images: Any, labels: NDArray[Any], where: str) -> None:
    import h5py  # noqa: PLC0415  the file is open, so it is there

    if len(images.shape) == 1 and images.dtype.kind == "O":
        inner = h5py.check_vlen_dtype(images.dtype)
        if inner != np.uint8:
            raise DataError(
                f"'{pair.images}' does not hold encoded images",
                where=where,
                got=f"variable-length {'text, cut at the first zero' if inner in (None, str, bytes) else inner}",
                allowed=["h5py.vlen_dtype(numpy.uint8)"],
            )
    else:
        require_images(pair.images, images.dtype, images.shape, where)
    if len(images) != len(labels):
        raise DataError(f"{len(images)} images in {pair.images}, {len(labels)} labels in {pair.labels}", where=where)
    if not len(images):
        raise DataError(f"no images in {pair.images}", where=where, got=f"a data set of {list(images.shape)}")


def _class_names(file: Any, sets: dict[str, Any], pairs: list[Pair], where: str) -> list[str] | None:
    name = one_of(sets, CLASSES)
    if name is not None:
        return [str(word) for word in column_of(name, _text(sets[name]), where)]
    for owner in (file, sets[pairs[0].labels], sets[pairs[0].images]):
        key = one_of(owner.attrs, CLASSES)
        if key is not None:
            return [str(word) for word in column_of(key, np.asarray(owner.attrs[key]), where)]
    return None
