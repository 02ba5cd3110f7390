"""Memory that a training step frees is kept for the next one."""

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
_MMAP_LIMIT, _TRIM_LIMIT = 1 << 30, (1 << 31) - 1


def keep_freed_memory() -> None:
    """Tell glibc not to give freed memory back to the system after each step, only to fetch and clear it again.

    A training step on a CPU frees and takes the same large blocks each time. Where the C library is another one, this
    does nothing. See mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _MMAP_LIMIT)
        library.mallopt(_TRIM_THRESHOLD, _TRIM_LIMIT)
