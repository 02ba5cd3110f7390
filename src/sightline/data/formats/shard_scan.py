"""One pass over the headers of tar shards: where each image lies and what stands beside it."""

import hashlib
import json
import os
import tarfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.columns import Columns
from sightline.data.formats.index import read_index, samples_of, write_index
from sightline.data.formats.shard_labels import Labels, finished
from sightline.data.formats.tar_store import TarStore
from sightline.data.image import is_image_name
from sightline.data.samples import Samples
from sightline.errors import DataError, RunError, shortened
from sightline.files import cache_folder, whole_file

_PLACES = {"shard": "i", "offset": "i", "length": "i"}
_LARGEST = 1 << 20
"""Bytes that the label of a sample may have."""


class Found(NamedTuple):
    """A sample as a shard holds it."""

    key: str
    members: dict[str, tuple[int, int]]
    """Offset and length of each file, by what follows the key and its dot."""


def scan_shards(root: Path, names: Sequence[str], parts: Sequence[int], class_names: tuple[str, ...] | None) -> Samples:
    """The samples of these shards, in order. What was found is kept in the cache until a shard changes.

    Args:
        root: the folder that the names are relative to.
        names: the shards.
        parts: of each shard the part that its name stands for, or ``UNASSIGNED``.
        class_names: the lines of ``classes.txt``, where there is one.

    Raises:
        DataError: names the shards and samples with what is wrong with them.
    """
    cached = cache_folder() / "shards" / f"{_fingerprint(root, names, parts, class_names)}.npz"
    if cached.is_file():
        with suppress(DataError):  # a damaged copy costs a scan
            columns, about = read_index(cached, str(cached), _PLACES)
            store = _store(root, names, columns)
            return samples_of(columns, about, root, store, "webdataset")
    samples, places = _scanned(root, names, parts, class_names)
    with suppress(RunError), whole_file(cached) as file:
        write_index(file, samples, None, places, {})
    return samples


def looks_like_shard(path: Path) -> bool:
    """Whether a tar begins with a sample: an image and its label under the same name."""
    try:
        first = next(_found(path), None)
    except (tarfile.TarError, OSError):
        return False
    if first is None:
        return False
    return _image_in(first) is not None and bool({"cls", "json"} & {ending.lower() for ending in first.members})


def _scanned(
    root: Path, names: Sequence[str], parts: Sequence[int], class_names: tuple[str, ...] | None
) -> tuple[Samples, dict[str, Any]]:
    columns, labels, faults = Columns(), Labels(), list[str]()
    shard, offset, length = array("i"), array("q"), array("q")
    for number, name in enumerate(names):
        seen: set[str] = set()
        with (root / name).open("rb") as file:
            for found in _checked(root / name, name):
                fault, label = _label_of(found, file.fileno())
                image = _image_in(found)
                if image is None:
                    fault = fault or "has no image, or several"
                if found.key in seen:
                    fault = "stands there twice"
                seen.add(found.key)
                if fault or image is None:
                    faults.append(f"{name}: {found.key} {fault}")
                    continue
                columns.add(f"{name}/{found.key}.{image}", 0, parts[number])
                labels.add(label)
                shard.append(number)
                offset.append(found.members[image][0])
                length.append(found.members[image][1])
    _require_sound(root, faults, len(columns))
    places = {
        "shard": np.frombuffer(shard, np.int32),
        "offset": np.frombuffer(offset, np.int64),
        "length": np.frombuffer(length, np.int64),
    }
    store = _store(root, names, places)
    plain = columns.samples(root, (), "webdataset", ())
    return finished(plain, labels, class_names, store), places


def _store(root: Path, names: Sequence[str], places: Mapping[str, NDArray[Any]]) -> TarStore:
    return TarStore(root, names, places["shard"], places["offset"], places["length"])


def _require_sound(root: Path, faults: list[str], count: int) -> None:
    if faults:
        raise DataError(
            f"{len(faults)} samples in the shards cannot be used",
            where=str(root),
            got="; ".join(faults[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else ""),
            allowed=["one image and a .cls or .json with its label under the same name, next to each other"],
        )
    if not count:
        raise DataError("the shards hold no samples", where=str(root))


def _checked(path: Path, name: str) -> Iterator[Found]:
    """The samples of a shard, its faults in our words."""
    try:
        yield from _found(path)
    except (tarfile.TarError, OSError, EOFError) as error:
        with suppress(OSError), path.open("rb") as file:
            if file.read(2) == b"\x1f\x8b":
                raise DataError(
                    f"{name} is compressed, so nothing in it can be reached directly", where=str(path.parent),
                    hint="unpack it with gunzip; images are compressed already",
                ) from error  # fmt: skip
        raise DataError(
            f"{name} is cut or damaged", where=str(path.parent), got=str(error), hint="fetch or pack it again"
        ) from error


def _found(path: Path) -> Iterator[Found]:
    """The files of a tar, grouped by what stands before the first dot of their names."""
    whole, current = path.stat().st_size, Found("", {})
    with tarfile.open(path, "r:") as archive:
        while (info := archive.next()) is not None:
            cast(Any, archive).members.clear()  # it would keep a million of them
            folder, slash, base = info.name.rpartition("/")
            stem, _, ending = base.partition(".")
            if not info.isreg() or not stem:
                continue
            if info.offset_data + info.size > whole:
                raise tarfile.ReadError(f"it ends inside {info.name}")
            key = folder + slash + stem
            if key != current.key or ending in current.members:
                if current.members:
                    yield current
                current = Found(key, {})
            current.members[ending] = (info.offset_data, info.size)
        end = archive.offset
    # tarfile takes a file that was cut between two members for a whole one.
    with path.open("rb") as file:
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"it has no end mark at byte {end}")
    if current.members:
        yield current


def _image_in(found: Found) -> str | None:
    """The ending of the one image of a sample."""
    images = [ending for ending in found.members if "." not in ending and is_image_name(f"x.{ending}")]
    return images[0] if len(images) == 1 else None


def _label_of(found: Found, handle: int) -> tuple[str, dict[str, Any]]:
    """What is wrong with the label, and what is known of the sample: the fields of its ``.json`` over its ``.cls``."""
    known: dict[str, Any] = {}
    for ending in ("cls", "json"):
        if ending not in found.members:
            continue
        offset, length = found.members[ending]
        if length > _LARGEST:
            return f"has a .{ending} of {length} bytes", {}
        try:
            text = os.pread(handle, length, offset).decode("utf-8-sig")
            value: Any = json.loads(text) if ending == "json" else _number_or_name(text.strip())
        except ValueError as error:
            return f"has a .{ending} that cannot be read: {shortened([str(error)])}", {}
        if ending == "cls":
            known["label"] = value
        elif isinstance(value, dict):
            known |= {str(name): field for name, field in cast("dict[Any, Any]", value).items()}
    label: Any = known.get("label")
    if label is None or label == "" or isinstance(label, bool) or not isinstance(label, int | str):
        return "has no label", {}
    return "", known


def _number_or_name(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text


def _fingerprint(root: Path, names: Sequence[str], parts: Sequence[int], class_names: tuple[str, ...] | None) -> str:
    states = [(name, (root / name).stat().st_size, (root / name).stat().st_mtime_ns) for name in names]
    return hashlib.sha256(repr((1, str(root), states, list(parts), class_names)).encode()).hexdigest()[:32]
