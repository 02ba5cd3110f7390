"""LMDB as ``sightline pack --to lmdb`` writes it.

Key ``meta``: a JSON object with ``format`` (``sightline``), ``version`` and ``count``. Key ``index``: the columns (see
``index``). Keys ``000000000000``, ``000000000001``, …: the encoded bytes of each image, in the order of the index.
"""

import hashlib
import json
import mmap
import weakref
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sightline.data.formats.arrays import require_classes
from sightline.data.formats.index import FACTS, VERSION, read_index, samples_of
from sightline.data.samples import Samples
from sightline.data.store import Opened, Store, time_of
from sightline.errors import DataError, ImageError, MissingExtra

DATA_FILE = "data.mdb"
"""The file in an LMDB folder."""
META, INDEX = b"meta", b"index"


def key_of(row: int) -> bytes:
    """The key of an image."""
    return b"%012d" % row


def read_lmdb(path: Path) -> Samples:
    """Samples from an LMDB folder that ``sightline pack`` wrote.

    Raises:
        DataError: the database is damaged or has another layout.
        SplitError: the parts do not hold the same classes.
        MissingExtra: lmdb is not installed.
    """
    folder = path.parent if path.name == DATA_FILE else path
    where = str(folder)
    if not (folder / DATA_FILE).is_file():
        raise DataError(f"no LMDB in {folder}", where="data.path", allowed=[f"a folder with {DATA_FILE}"])
    lmdb = library(where)
    try:
        environment = _environment(folder)()
        with environment.begin() as transaction:
            meta, index = transaction.get(META), transaction.get(INDEX)
        entries = int(environment.stat()["entries"])
    except (lmdb.Error, ImageError) as error:
        raise DataError("the LMDB is damaged", where=where, got=_said(error), hint="pack or fetch it again") from error
    count = _count(meta, where)
    columns, about = read_index(bytes(index or b""), where, {})
    if not count == len(columns["labels"]) == entries - 2 or "sha256" not in columns:
        raise DataError(
            "the LMDB is incomplete", where=where, got=f"{entries - 2} images",
            allowed=[f"{count}, as its meta record says"], hint="pack or fetch it again",
        )  # fmt: skip
    store = LmdbStore(folder, {name: columns[name] for name in FACTS})
    samples = samples_of(columns, about, folder, store, "lmdb")
    require_classes(samples.classes, samples.labels, samples.parts, where)
    return samples


class LmdbStore(Store):
    """Images of an LMDB folder."""

    def __init__(self, folder: Path, facts: dict[str, NDArray[Any]]):
        self.folder, self.facts = folder, facts
        self.environment = _environment(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return LmdbStore, (self.folder, self.facts)

    def __len__(self) -> int:
        return len(self.facts["bytes"])

    def read(self, row: int) -> bytes:
        """The bytes of one image, compared with their checksum."""
        try:
            with self.environment().begin() as transaction:
                raw = transaction.get(key_of(row))
        except ImageError:
            raise
        except Exception as error:  # lmdb.Error, and SystemError for damaged pages
            raise ImageError("the LMDB is damaged", where=str(self.folder), got=str(error)) from error
        if raw is None or hashlib.sha256(raw).digest() != self.facts["sha256"][row].tobytes():
            raise ImageError(
                f"the image under {key_of(row).decode()} is {'missing' if raw is None else 'not the one of the index'}",
                where=str(self.folder),
                got=None if raw is None else f"{len(raw)} bytes with another checksum",
                hint="pack or fetch it again",
            )
        return raw

    def state(self, row: int) -> tuple[int, int]:
        """Bytes of the image, and the time of change of the database."""
        return int(self.facts["bytes"][row]), time_of(self.folder / DATA_FILE)

    def declared(self) -> dict[str, NDArray[Any]] | None:
        """The facts of the index."""
        return self.facts


def library(where: str) -> Any:
    """The module ``lmdb``.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import lmdb  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise MissingExtra("lmdb is not installed", where=where, hint='pip install "sightline[lmdb]"') from error
    return lmdb


_environments: "weakref.WeakValueDictionary[tuple[str, int], Opened[Any]]" = weakref.WeakValueDictionary()


def _environment(folder: Path) -> Opened[Any]:
    """The database, once in a process, as lmdb demands; one that was packed anew is another."""
    key = (str(folder.resolve()), (folder / DATA_FILE).stat().st_ino)
    opened = _environments.get(key)
    if opened is None:
        opened = _environments[key] = Opened(folder, _open)
    return opened


def _open(folder: Path) -> Any:
    """The database for reading, from any number of threads, without a lock file: nothing ever writes to it."""
    lmdb, size = library(str(folder)), (folder / DATA_FILE).stat().st_size
    environment = None
    # The library maps the file: touching a page behind its end would kill the process, so its size is compared first.
    if size >= 2 * mmap.PAGESIZE:
        environment = lmdb.open(str(folder), readonly=True, lock=False, readahead=False, max_readers=1)
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if size >= needed:
            return environment
        environment.close()
    raise lmdb.CorruptedError(f"{DATA_FILE} is cut: it has {size} bytes")


def _said(error: Exception) -> str:
    return str(error.got) if isinstance(error, ImageError) else str(error)


def _count(meta: Any, where: str) -> int:
    try:
        words = json.loads(bytes(meta or b""))
        if words["format"] == "sightline" and words["version"] == VERSION:
            return int(words["count"])
    except (ValueError, KeyError, TypeError):
        pass
    raise DataError(
        "the LMDB has no layout that is known",
        where=where,
        got="no meta record" if meta is None else bytes(meta)[:80].decode("utf-8", "replace"),
        allowed=["what `sightline pack DATA --to lmdb` writes"],
        hint="read it with a reader of your own: -s data.reader=my_file:reader",
    )
