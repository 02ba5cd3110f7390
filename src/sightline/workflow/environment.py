"""Where and with what a run was made."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from sightline import distributed
from sightline.errors import ConfigError

_TOLD = ("sightline", "torch", "torchvision", "timm", "numpy", "pillow", "onnx", "onnxruntime", "scikit-learn")


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide the numbers."""
    found = {"python": platform.python_version()}
    for name in _TOLD:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """The machine: system, processor, cores this process may use, memory, accelerators."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """Bytes of memory that could be filled without driving anything else out, as far as the system tells."""
    info = Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return int((_memory_gib() or 4.0) * 2**30 / 2)


def usable_device(name: str) -> torch.device:
    """The device of that name, on which ``cuda`` is the one of this rank.

    Raises:
        ConfigError: there is no such device here.
    """
    try:
        device = torch.device("cuda", distributed.local_rank()) if name == "cuda" else torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"the device '{name}' cannot be used", where="train.device", got=str(error).split("\n")[0],
            allowed=["auto", "cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))],
        ) from error  # fmt: skip
    return device


def command() -> str:
    """The command line that made the run, as it was typed."""
    program = Path(sys.argv[0]).name
    words = ["sightline" if program in ("sightline", "__main__.py") else program, *sys.argv[1:]]
    return " ".join(f"'{word}'" if " " in word else word for word in words)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return None
