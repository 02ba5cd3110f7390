"""Worker processes that make batches: deaf to signals that are meant for the training, and gone when it is."""

import atexit
import ctypes
import multiprocessing
import signal
import sys
import weakref
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any

from torch.utils.data import DataLoader

_FOR_THE_TRAINING = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1
_alive: "weakref.WeakSet[BaseProcess]" = weakref.WeakSet()


def items_of(loader: DataLoader[Any]) -> Iterator[Any]:
    """What a loader gives; its workers, if it has any, are gone afterwards, whatever ended it."""
    before = set(multiprocessing.active_children())
    # A signal to the whole process group must not meet a worker before it is deaf: the mask is inherited.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_TRAINING)
    try:
        batches = iter(loader)
        own = set(multiprocessing.active_children()) - before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    _alive.update(own)
    try:
        yield from batches
    finally:
        del batches  # asks the workers to end, and waits a little
        _kill(own)


def deaf(_: int) -> None:
    """Make this process, a worker, ignore those signals, and end with the one that made it."""
    for number in _FOR_THE_TRAINING:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _kill(workers: "set[BaseProcess] | weakref.WeakSet[BaseProcess]") -> None:
    for worker in list(workers):
        if worker.is_alive():
            worker.kill()


# Before multiprocessing's own handler, which would wait for ever for workers that do not hear SIGTERM.
atexit.register(_kill, _alive)
