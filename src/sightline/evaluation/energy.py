"""Energy that a block of work took, where the machine has a counter for it."""

import shutil
import subprocess
import threading
import time
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the RAPL counters of Intel and AMD processors."""
_EVERY = 0.05


class Energy:
    """Measures joules between ``start`` and ``stop``.

    On a CPU these are the RAPL counters of all packages: whatever else runs on them is in the figure. On an NVIDIA GPU
    it is the board's power as ``nvidia-smi`` tells it, sampled some 20 times a second.

    Args:
        gpu: number of the GPU; ``None``: the processors.
        powercap: folder of the RAPL counters.
        command: what tells the power of a GPU.
    """

    def __init__(self, gpu: int | None = None, powercap: Path = POWERCAP, command: str = "nvidia-smi"):
        self.gpu, self.command = gpu, command
        self.packages = sorted(path for path in powercap.glob("*-rapl:*") if path.name.count(":") == 1)
        self.before: list[int] = []
        self.sampler: _Power | None = None

    @property
    def absent(self) -> str:
        """Why nothing can be measured here; empty where it can."""
        if self.gpu is not None:
            return (
                "" if _watts(self.command, self.gpu) is not None else f"{self.command} tells no power of GPU {self.gpu}"
            )
        if not self.packages:
            return "the processor's energy counter (RAPL) is not shown to this system"
        if self._counters() is None:
            return "the processor's energy counter (RAPL) may be read by root only"
        return ""

    def start(self) -> None:
        """Begin to count."""
        self.before = self._counters() or []
        self.sampler = None if self.gpu is None else _Power(self.command, self.gpu)

    def stop(self) -> float | None:
        """Joules since ``start``; ``None`` where the counter could not be read."""
        if self.sampler is not None:
            return self.sampler.joules()
        now = self._counters()
        if now is None or len(now) != len(self.before):
            return None
        used = 0
        for package, first, last in zip(self.packages, self.before, now, strict=True):
            turn = _number(package / "max_energy_range_uj") or 0
            used += last - first if last >= first else last - first + turn  # the counter starts again at its end
        return used / 1e6

    def _counters(self) -> list[int] | None:
        found = [_number(package / "energy_uj") for package in self.packages]
        return None if not found or None in found else [value for value in found if value is not None]


class _Power:
    """Samples the power of a GPU beside the work."""

    def __init__(self, command: str, gpu: int):
        self.command, self.gpu, self.done = command, gpu, threading.Event()
        self.begun, self.samples = time.perf_counter(), list[float]()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()

    def _sample(self) -> None:
        while True:
            watts = _watts(self.command, self.gpu)
            if watts is not None:
                self.samples.append(watts)
            if self.done.wait(_EVERY):
                return

    def joules(self) -> float | None:
        seconds = time.perf_counter() - self.begun
        self.done.set()
        self.thread.join()
        return sum(self.samples) / len(self.samples) * seconds if self.samples else None


def _watts(command: str, gpu: int) -> float | None:
    if shutil.which(command) is None:
        return None
    words = [command, "-i", str(gpu), "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=10)
        return float(done.stdout.strip())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
