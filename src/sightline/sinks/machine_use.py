"""How much of the machine is in use, as far as the system tells; nothing here waits for a device."""

import contextlib
import os
import sys
import time
from pathlib import Path

from sightline.machine import free_memory

_MIB = 2**20


class MachineUse:
    """Measures between one call and the next."""

    def __init__(self) -> None:
        self.own, self.all = self._own(), _all()

    def measured(self) -> dict[str, float]:
        """Shares in percent and sizes in MiB by name; what is not known here is left out.

        ``cpu_percent`` is of all cores, by every process; ``own_cores`` how many cores this process kept busy, without
        the workers that make batches.
        """
        found: dict[str, float] = {"memory_free_mib": free_memory() / _MIB}
        own, everything = self._own(), _all()
        if own[0] > self.own[0]:
            found["own_cores"] = (own[1] - self.own[1]) / (own[0] - self.own[0])
        if everything is not None and self.all is not None and everything[0] > self.all[0]:
            found["cpu_percent"] = 100 * (everything[1] - self.all[1]) / (everything[0] - self.all[0])
        self.own, self.all = own, everything
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            found["memory_mib"] = pages * os.sysconf("SC_PAGE_SIZE") / _MIB
        return found | _gpu()

    @staticmethod
    def _own() -> tuple[float, float]:
        return time.monotonic(), time.process_time()


def _all() -> tuple[float, float] | None:
    """Ticks of all cores so far: those that passed, those that were used."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        ticks = [float(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return sum(ticks), sum(ticks) - ticks[3] - ticks[4]
    return None


def _gpu() -> dict[str, float]:
    """Of the GPU that is in use, where one is."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    found = {"gpu_memory_mib": torch.cuda.memory_allocated() / _MIB}
    with contextlib.suppress(Exception):  # of pynvml, which need not be there nor know of a part of a GPU
        found["gpu_percent"] = float(torch.cuda.utilization())
    return found
