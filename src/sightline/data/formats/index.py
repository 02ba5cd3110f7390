"""The index of a packed data set: every column of its samples and the facts about them, in one ``.npz``.

With it nothing is scanned or decoded when the data set is opened, and each image is compared with its checksum when it
is read. Fields: ``path_bytes`` and ``path_offsets`` (UTF-8), ``labels``, ``parts``, ``groups`` and ``weights`` where
there are any; ``sha256``, ``width``, ``height``, ``gray``, ``bytes``; those that say where an image lies; and
``about``, a JSON object with ``version``, ``classes``, ``group_names`` and what else the container needs.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import PARTS, UNASSIGNED, Names, Samples
from sightline.data.store import Store
from sightline.errors import DataError

VERSION = 1
FACTS = ("sha256", "width", "height", "gray", "bytes")
"""What a packed data set holds about each image."""
_COLUMNS = ("path_bytes", "path_offsets", "labels", "parts")


def write_index(
    file: IO[bytes],
    samples: Samples,
    facts: Mapping[str, NDArray[Any]] | None,
    places: Mapping[str, NDArray[Any]],
    about: Mapping[str, Any],
) -> None:
    """Write the index of these samples.

    Args:
        file: is written to.
        samples: in the order in which a reader will give them.
        facts: the columns ``FACTS``; ``None`` where the images were not looked at.
        places: where each image lies, as the container says it.
        about: further entries of ``about``.
    """
    words = {"version": VERSION, "classes": samples.classes, "group_names": samples.group_names, **about}
    optional = {"groups": samples.groups, "weights": samples.weights}
    np.savez(
        file,
        path_bytes=samples.paths.block,
        path_offsets=samples.paths.offsets,
        labels=samples.labels,
        parts=samples.parts,
        about=np.frombuffer(json.dumps(words).encode(), np.uint8),
        **{name: column for name, column in optional.items() if column is not None},  # pyright: ignore[reportArgumentType]
        **{name: facts[name] for name in FACTS if facts is not None},  # pyright: ignore[reportArgumentType]
        **places,  # pyright: ignore[reportArgumentType]
    )


def read_index(
    source: Path | bytes, where: str, places: Mapping[str, str]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The columns of an index and what it says ``about`` the whole.

    Args:
        source: the file, or its bytes.
        where: for messages.
        places: the columns that say where an image lies, each with its kind: ``i`` for whole numbers.

    Raises:
        DataError: damaged, of another version, or with columns that do not fit one another.
    """
    try:
        with np.load(io.BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False) as stored:
            columns: dict[str, NDArray[Any]] = {name: stored[name] for name in stored.files}
        about: dict[str, Any] = json.loads(columns.pop("about").tobytes())
        fault = _fault(columns, about, places)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        fault = str(error) or type(error).__name__
        columns, about = {}, {}
    if fault:
        raise DataError("the index is damaged", where=where, got=fault, hint="fetch it again, or pack the data again")
    return columns, about


def samples_of(
    columns: Mapping[str, NDArray[Any]], about: Mapping[str, Any], root: Path, store: Store, form: str
) -> Samples:
    """The samples that an index describes; row ``i`` of the store is sample ``i``."""
    return Samples(
        root=root,
        paths=Names(columns["path_bytes"], columns["path_offsets"]),
        labels=columns["labels"],
        classes=tuple(about["classes"]),
        parts=columns["parts"],
        groups=columns.get("groups"),
        group_names=tuple(about["group_names"]),
        weights=columns.get("weights"),
        store=store,
        rows=np.arange(len(columns["labels"]), dtype=np.int64),
        format=form,
    )


def _fault(columns: Mapping[str, NDArray[Any]], about: Mapping[str, Any], places: Mapping[str, str]) -> str:
    """What is wrong with these columns, or nothing."""
    if about.get("version") != VERSION:
        return f"version {about.get('version')}, and this program knows {VERSION}"
    wanted = (*_COLUMNS, *places, *(FACTS if "sha256" in columns else ()))
    lacking = [name for name in wanted if name not in columns]
    if lacking or not isinstance(about.get("classes"), list) or not isinstance(about.get("group_names"), list):
        return f"no {', '.join(lacking) or 'classes'}"
    count, labels, parts = len(columns["labels"]), columns["labels"], columns["parts"]
    uneven = [
        name for name, column in columns.items() if name not in ("path_bytes", "path_offsets") and len(column) != count
    ]
    offsets = columns["path_offsets"]
    if uneven or len(offsets) != count + 1 or offsets[-1] != len(columns["path_bytes"]) or (np.diff(offsets) < 0).any():
        return f"columns of different lengths: {', '.join(uneven) or 'paths'}"
    if any(columns[name].dtype.kind != kind for name, kind in places.items()):
        return "places that are no numbers"
    labels_fit = not count or -1 <= int(labels.min()) <= int(labels.max()) < len(about["classes"])
    parts_fit = not count or UNASSIGNED <= int(parts.min()) <= int(parts.max()) < len(PARTS)
    groups = columns.get("groups")
    groups_fit = groups is None or not count or 0 <= int(groups.min()) <= int(groups.max()) < len(about["group_names"])
    return "" if labels_fit and parts_fit and groups_fit else "labels, parts or groups outside their names"
