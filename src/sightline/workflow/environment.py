"""Where and with what a run was made."""

import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from sightline import distributed
from sightline.errors import ConfigError
from sightline.machine import cores, processor

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
        "processor": processor(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


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


def compute_exactly(device: torch.device, exactly: bool) -> None:
    """On a GPU, use only operations that give the same bits each time, or whatever is fastest. Nothing on a CPU.

    An operation that has no such form warns, and is used. https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    if device.type != "cuda":
        return
    if exactly:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first matrices are multiplied
    torch.use_deterministic_algorithms(exactly, warn_only=True)
    # Filling memory that is about to be overwritten costs time, and nothing here reads it before.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    torch.backends.cudnn.benchmark = not exactly


def command() -> str:
    """The command line that made the run, as it was typed."""
    program = Path(sys.argv[0]).name
    words = ["sightline" if program in ("sightline", "__main__.py") else program, *sys.argv[1:]]
    return shlex.join(words)


def _memory_gib() -> float | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return None
