"""WebDataset: tar shards in which the files of a sample stand together and share a name.

::

    000017.jpg  000017.cls             the class as a number or a name
    000017.jpg  000017.json            {"label": …} and optionally "part", "group", "weight", "path"

Shards lie in one folder, or in folders called train, val and test; a shard's own name may begin with its part. Class
names may stand in ``classes.txt``, one a line. ``index.npz`` (see ``index``) spares the scan.
"""

import re
from pathlib import Path

import numpy as np

from sightline.data.formats.arrays import read_class_names, require_classes
from sightline.data.formats.index import FACTS, read_index, samples_of
from sightline.data.formats.parts import part_of
from sightline.data.formats.shard_scan import looks_like_shard, scan_shards
from sightline.data.formats.tar_store import TarStore
from sightline.data.formats.walk import listing
from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.errors import DataError, shortened

INDEX = "index.npz"
"""The index beside the shards."""
CLASSES_FILE = "classes.txt"
"""The names of the classes beside the shards, one a line."""
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_PLACES = {"shard": "i", "offset": "i", "length": "i"}


def read_webdataset(path: Path) -> Samples:
    """Samples from tar shards: a folder of them, one shard, or a pattern such as ``train-{0000..0099}.tar``, ``*.tar``.

    Shards are neither unpacked nor held in memory. The headers are read once, unless ``index.npz`` lies beside them.

    Raises:
        DataError: no shards, a shard that is cut or compressed, samples without image or label, keys that come twice,
            an index that does not fit; names the shard and the sample.
        SplitError: the parts do not hold the same classes.
    """
    root, names = shards_of(path)
    if not names:
        raise DataError(
            f"no tar shards at {path}", where="data.path", allowed=["a folder of *.tar", "train-{0000..0009}.tar"]
        )
    samples = _indexed(root, names, path.is_dir()) if (root / INDEX).is_file() else _scanned(root, names)
    require_classes(samples.classes, samples.labels, samples.parts, str(path))
    return samples


def shards_of(path: Path) -> tuple[Path, list[str]]:
    """The folder and, relative to it, the shards that a path stands for; none where there are none.

    Raises:
        DataError: a shard of a numbered pattern is missing; names it.
    """
    if path.is_dir():
        names = listing(path)
        found = [name for name in names if name.lower().endswith(".tar")]
        for folder in (name for name in names if name.endswith("/") and part_of(name[:-1])):
            found += [folder + name for name in listing(path / folder) if name.lower().endswith(".tar")]
        return path, sorted(found)
    if path.is_file():
        return path.parent, [path.name]
    words = _expanded(path.name)
    if len(words) > 1:
        missing = [word for word in words if not (path.parent / word).is_file()]
        if missing:
            raise DataError(f"shards of {path.name} are missing", where=str(path.parent), got=shortened(missing))
        return path.parent, words
    return path.parent, sorted(file.name for file in path.parent.glob(path.name)) if "*" in path.name else []


def is_pattern(path: Path) -> bool:
    """Whether a path names several shards at once."""
    return path.name.lower().endswith(".tar") and ("*" in path.name or _RANGE.search(path.name) is not None)


def has_shards(path: Path) -> bool:
    """Whether a folder or a file holds WebDataset shards: the first one begins with a sample."""
    root, names = shards_of(path)
    return bool(names) and looks_like_shard(root / names[0])


def _expanded(name: str) -> list[str]:
    """``a-{08..10}.tar`` as ``a-08.tar``, ``a-09.tar``, ``a-10.tar``."""
    match = _RANGE.search(name)
    if match is None:
        return [name]
    first, last = int(match[1]), int(match[2])
    numbers = [f"{number:0{len(match[1])}d}" for number in range(first, last + 1)]
    return [one for number in numbers for one in _expanded(name[: match.start()] + number + name[match.end() :])]


def _indexed(root: Path, names: list[str], whole: bool) -> Samples:
    """The samples of these shards as the index has them; ``whole``: the index may name no other shard."""
    where = str(root / INDEX)
    columns, about = read_index(root / INDEX, where, _PLACES)
    known: dict[str, int] = about.get("shards") or {}
    strange = sorted(set(names) - set(known))
    if strange:
        raise DataError(
            "shards that the index does not know", where=where, got=shortened(strange),
            hint=f"keep other shards elsewhere, or remove {INDEX}: the shards are scanned then",
        )  # fmt: skip
    missing = [name for name in (known if whole else names) if not (root / name).is_file()]
    if missing:
        raise DataError("shards of the index are missing", where=where, got=shortened(missing), hint="fetch them again")
    sizes = {name: (root / name).stat().st_size for name in names}
    other = [f"{name}: {sizes[name]} bytes, not {known[name]}" for name in names if sizes[name] != known[name]]
    if other:
        raise DataError(
            "shards are cut or changed", where=where, got=shortened(other),
            hint=f"fetch them again; for shards that were changed on purpose, remove {INDEX}",
        )  # fmt: skip
    order = list(known)
    if int(columns["shard"].min(initial=0)) < 0 or int(columns["shard"].max(initial=-1)) >= len(order):
        raise DataError("the index is damaged", where=where, got="numbers of shards that it does not name")
    facts = {name: columns[name] for name in FACTS}
    store = TarStore(root, order, columns["shard"].astype(np.int32), columns["offset"], columns["length"], facts)
    samples = samples_of(columns, about, root, store, "webdataset")
    wanted = np.isin(store.shard, [order.index(name) for name in names])
    return samples if wanted.all() else samples.take(np.flatnonzero(wanted))


def _scanned(root: Path, names: list[str]) -> Samples:
    """The samples of these shards as their headers have them."""
    parts = [_part_of_shard(name) for name in names]
    return scan_shards(root, names, parts, read_class_names(root / CLASSES_FILE))


def _part_of_shard(name: str) -> int:
    """The part that a shard's folder or the first word of its name stands for."""
    folder, _, file = name.rpartition("/")
    word = part_of(folder) or part_of(re.split(r"[-_.]", file)[0])
    return UNASSIGNED if word is None else PARTS.index(word)
