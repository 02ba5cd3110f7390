"""Stores: images that lie inside a container (tar shards, HDF5, LMDB, …) and are read one by one.

A sample with a store is a row number in it. Nothing is read before it is asked for, handles never cross a fork, and a
pickled store opens its container again where it is used.
"""

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from sightline.errors import ImageError, SightlineError

T = TypeVar("T")


class Store(ABC):
    """Images in a container. Rows are numbered from 0; threads may read at once."""

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are."""

    @abstractmethod
    def read(self, row: int) -> bytes | NDArray[np.uint8]:
        """The encoded bytes of an image, or its pixels as uint8 ``[height, width]`` or ``[height, width, 3]``.

        Raises:
            ImageError: the container cannot be read at this place; names the container and what is wrong.
        """

    @abstractmethod
    def state(self, row: int) -> tuple[int, int]:
        """Bytes of the image (0 where that is not known) and time of change of its container, to notice changes."""

    def declared(self) -> dict[str, NDArray[Any]] | None:
        """What the container itself says of each row: the fields of ``scan.ROW`` but for ``modified``; or nothing.

        A store that declares checksums compares the bytes of each image with them when it is read.
        """
        return None


class Opened(Generic[T]):
    """A handle that is opened when it is first asked for, and closed before a fork so that no child inherits it."""

    def __init__(self, path: Path, opener: Callable[[Path], T]):
        self.path, self.opener = path, opener
        self.handle: T | None = None
        _every.add(self)

    def __call__(self) -> T:
        """The handle of this process.

        Raises:
            ImageError: the container is gone or damaged.
        """
        with _lock:
            if self.handle is None:
                try:
                    self.handle = self.opener(self.path)
                except SightlineError:
                    raise
                except Exception as error:  # each library has its own
                    raise ImageError(f"cannot open {self.path}", got=str(error)) from error
            return self.handle

    def close(self) -> None:
        """Let go of the handle; the next call opens another."""
        handle, self.handle = self.handle, None
        if handle is not None:
            close: Any = getattr(handle, "close", None)
            close() if close is not None else None

    def __reduce__(self) -> tuple[Any, ...]:
        return Opened, (self.path, self.opener)


_every: "weakref.WeakSet[Opened[Any]]" = weakref.WeakSet()
_lock = threading.RLock()


def _before_fork() -> None:
    _lock.acquire()
    for opened in list(_every):
        opened.close()


os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release)


class Segments:
    """Rows that stand one after the other in several named arrays."""

    def __init__(self, names: Sequence[str], counts: Sequence[int]):
        self.names = tuple(names)
        self.ends = np.cumsum(np.asarray(counts, np.int64))

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def place(self, row: int) -> tuple[str, int]:
        """The array and the row in it."""
        segment = int(np.searchsorted(self.ends, row, side="right"))
        return self.names[segment], int(row - (self.ends[segment - 1] if segment else 0))


def time_of(path: Path) -> int:
    """When a container was last changed, in nanoseconds; -1 where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1
