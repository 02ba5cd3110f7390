"""``read(path)``: whatever holds the images becomes ``Samples``."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sightline.data.formats.archive import unpacked
from sightline.data.formats.folders import has_class_folders, read_folders
from sightline.data.formats.hdf5 import SUFFIXES as HDF5_SUFFIXES
from sightline.data.formats.hdf5 import read_hdf5
from sightline.data.formats.huggingface import is_hub_name, is_saved, read_huggingface
from sightline.data.formats.idx import is_images_name, read_idx
from sightline.data.formats.lmdb import DATA_FILE, read_lmdb
from sightline.data.formats.members import SUFFIXES, is_archive_name
from sightline.data.formats.npz import has_npy, read_npz
from sightline.data.formats.parts import part_of
from sightline.data.formats.table import read_csv
from sightline.data.formats.table_header import is_table
from sightline.data.formats.walk import listing, subfolders
from sightline.data.formats.webdataset import has_shards, is_pattern, read_webdataset
from sightline.data.image import is_image_name
from sightline.data.samples import Samples
from sightline.data.wanted import ONE_CLASS, Wanted
from sightline.errors import ConfigError, DataError, PlugError, SightlineError, did_you_mean
from sightline.plug import is_plug, resolve

TABLES = (".csv", ".tsv")
"""Endings of tables, in lower case."""
ARRAYS = (".npz", ".npy")
"""Endings of NumPy files, in lower case."""


def read(path: Path | str, reader: str = "auto", root: Path | str = "", wanted: Wanted = ONE_CLASS) -> Samples:
    """Samples from a folder, an archive, a CSV, idx files, arrays, tar shards, HDF5, LMDB or a Hugging Face data set.

    Args:
        path: the folder or file, a pattern of tar shards (``train-{0000..0099}.tar``), or ``hf:owner/name``.
        reader: ``auto``, a key of ``READERS``, or ``my_file:thing``, a callable that takes the path.
        root: for a CSV: folder or archive that its paths are relative to; empty: the folder of the CSV.
        wanted: whether a task learns a class of each image, labels or numbers, and from which columns of a CSV.

    Raises:
        DataError: there is nothing at the path, or it cannot be used; says which file, line or class.
        SplitError: the parts do not hold the same classes.
        ConfigError: ``root``, or the columns that are wanted, have no effect with this reader.
        PlugError: the reader is unknown, or the user's own fails.
    """
    place, root = located(path), str(root)
    try:
        there = place.exists()
    except OSError as error:
        raise DataError(f"cannot look at {path}", where="data.path", got=error.strerror or str(error)) from error
    if not there and not is_hub_name(place) and not is_pattern(place):
        near = did_you_mean(place.name, os.listdir(place.parent)) if place.parent.is_dir() else ""  # noqa: PTH208
        raise DataError(f"{path} does not exist", where="data.path", hint=near or "check the path")
    name = reader
    if reader == "auto":
        name, place = detect(place, wanted)
    make = resolve("reader", name, READERS, "data.reader")
    if root and make is not read_csv:
        raise ConfigError(
            f"data.root has no effect with the reader {name}",
            where="data.root",
            got=root,
            hint="give the CSV itself as data.path, or leave data.root empty",
        )
    if wanted.columns and make not in (read_csv, read_archive):
        raise ConfigError(
            f"data.targets has no effect with the reader {name}", where="data.targets", got=", ".join(wanted.columns),
            hint="give a CSV with these columns, or remove it",
        )  # fmt: skip
    if wanted.by and make not in (read_csv, read_archive):
        raise _no_columns(name, wanted)
    if is_plug(name):
        return wanted.require(_users(make, place, name), name)
    if make is read_csv:
        return read_csv(place, root, wanted)
    if wanted.kind != "class" and make is not read_archive:  # no built-in one gives anything else
        raise wanted.unmet("class", name, str(place))
    return read_archive(place, wanted) if make is read_archive else make(place)


def located(path: Path | str) -> Path:
    """The absolute path, links as the user wrote them; a name from the hub stays as it is."""
    return Path(path) if is_hub_name(path) else Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100


def detect(path: Path, wanted: Wanted = ONE_CLASS) -> tuple[str, Path]:
    """Name of the reader for a path, and what to give it: the path, or the file or folder in it that matters.

    Args:
        path: what to look at.
        wanted: what a table in a folder must hold.

    Raises:
        DataError: nothing reads such a file, or several tables could be meant.
    """
    if path.is_dir():
        return _detect_in(path, wanted) or ("folders", path)
    name = path.name
    shards = is_pattern(path) or (name.lower().endswith(".tar") and has_shards(path))
    signs = {
        "huggingface": is_hub_name(path),
        "idx": is_images_name(name),
        "webdataset": shards,
        "archive": is_archive_name(name) and not shards,
        "lmdb": name == DATA_FILE,
        "csv": name.lower().endswith(TABLES),
        "npz": name.lower().endswith(ARRAYS),
        "hdf5": name.lower().endswith(HDF5_SUFFIXES),
    }
    reader = next((reader for reader, found in signs.items() if found), None)
    if reader is not None:
        return reader, path
    raise DataError(
        f"no reader for {name}",
        where="data.path",
        allowed=["a folder", *SUFFIXES, *TABLES, *ARRAYS, *HDF5_SUFFIXES, "…images-idx3-ubyte[.gz]"],
        hint="give the folder that holds the class folders" if is_image_name(name) else "name one with data.reader",
    )


def _no_columns(name: str, wanted: Wanted) -> ConfigError:
    return ConfigError(
        f"evaluation.groups has no effect with the reader {name}", where="evaluation.groups",
        got=", ".join(wanted.by), hint="give a CSV with these columns, or remove it",
    )  # fmt: skip


def read_archive(path: Path, wanted: Wanted = ONE_CLASS) -> Samples:
    """Samples from an archive of anything that ``read`` takes from a folder, unpacked once into the cache.

    ``root`` of the samples is the unpacked folder.

    Raises:
        DataError: the archive cannot be unpacked, or its content cannot be used.
        SplitError: the parts do not hold the same classes.
    """
    folder = unpacked(path)
    name, place = detect(folder, wanted)
    if wanted.kind != "class" and name != "csv":
        raise wanted.unmet("class", name, str(path))
    if wanted.by and name != "csv":
        raise _no_columns(name, wanted)
    try:
        return read_csv(place, wanted=wanted) if name == "csv" else READERS[name](place)
    except DataError as error:
        words = (error.what, error.where, error.got, error.hint)
        what, where, got, hint = (str(word or "").replace(str(folder), path.name) for word in words)
        raise type(error)(what, where=where or str(path), got=got or None, allowed=error.allowed, hint=hint) from error


READERS: dict[str, Callable[[Path], Samples]] = {
    "folders": read_folders,
    "archive": read_archive,
    "csv": read_csv,
    "idx": read_idx,
    "npz": read_npz,
    "hdf5": read_hdf5,
    "lmdb": read_lmdb,
    "huggingface": read_huggingface,
    "webdataset": read_webdataset,
}
"""Every built-in reader: a path to ``Samples``."""


def _detect_in(folder: Path, wanted: Wanted) -> tuple[str, Path] | None:
    """What a folder holds other than class folders, or the one folder in it."""
    names = listing(folder)
    signs = {
        "idx": any(is_images_name(name) for name in names),
        "lmdb": DATA_FILE in names,
        "huggingface": is_saved(names),
        "npz": has_npy(folder, names),
        "webdataset": has_shards(folder),
    }
    reader = next((reader for reader, found in signs.items() if found), None)
    if reader is not None:
        return reader, folder
    tables = [name for name in names if name.lower().endswith(TABLES) and is_table(folder / name, wanted)]
    # Where labels or numbers are wanted, folders of images are no classes.
    if has_class_folders(folder) and (wanted.kind == "class" or not tables):
        return None
    if len(tables) > 1:
        raise DataError(
            "several tables could be the data set",
            where=str(folder),
            got=", ".join(tables),
            hint="give one of them as data.path; one table can hold all parts in a split column",
        )
    if tables:
        return "csv", folder / tables[0]
    inner = subfolders(names)
    return _detect_in(folder / inner[0], wanted) if len(inner) == 1 and not part_of(inner[0]) else None


def _users(make: Callable[[Path], Any], path: Path, name: str) -> Samples:
    """What the user's own reader makes of a path, checked as far as later stages rely on it."""
    try:
        samples = make(path)
    except SightlineError:
        raise
    except Exception as error:
        raise PlugError(
            f"the reader {name} failed",
            where="data.reader",
            got=f"{type(error).__name__}: {error}",
            hint="sightline.testing.check_format shows where",
        ) from error
    if not isinstance(samples, Samples):
        raise PlugError(
            f"the reader {name} does not return Samples",
            where="data.reader",
            got=type(samples).__name__,
            hint="return sightline.data.samples.Samples, for example Samples.from_arrays(…)",
        )
    labels = samples.labels
    if len(labels) and not -1 <= int(labels.min()) <= int(labels.max()) < len(samples.classes):
        raise PlugError(
            f"the reader {name} gives labels outside its classes",
            where="data.reader",
            got=f"{labels.min()} to {labels.max()}",
            allowed=[f"0 to {len(samples.classes) - 1}, -1 for not known"],
        )
    return samples
