"""How much memory a training takes, and for what."""

import contextlib
import dataclasses
import resource
import sys
from collections.abc import Generator, Iterable
from pathlib import Path

import torch
from torch import nn

from sightline.training.job import Job
from sightline.training.parallel import is_sharded, own_part


@dataclasses.dataclass
class Kept:
    """What is kept for the backward pass."""

    bytes: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Usage:
    """Bytes that a training took on its device."""

    weights: int
    gradients: int
    optimizer: int
    """State of the optimizer, such as momenta."""
    average: int
    """Averages of the weights; 0 without one."""
    activations: int
    """What the forward pass of one micro-batch kept for the backward pass, the first of this process; 0: not known."""
    peak: int
    """The most that was in use: of the process, libraries and images included, or of tensors on a GPU."""
    reserved: int | None
    """The most that PyTorch held of a GPU, in use or not; ``None`` on a CPU."""

    def told(self) -> str:
        """One line for people."""
        held = "" if self.reserved is None else f" ({_size(self.reserved)} reserved)"
        parts = {
            "weights": self.weights, "gradients": self.gradients, "optimizer": self.optimizer,
            "average": self.average, "activations of a micro-batch": self.activations,
        }  # fmt: skip
        words = ", ".join(f"{name} {_size(size)}" for name, size in parts.items() if size)
        return f"memory: {_size(self.peak)} at the peak{held}; {words}"


@contextlib.contextmanager
def counting(module: nn.Module) -> Generator[Kept]:
    """Count the bytes that autograd keeps for the backward pass, each storage once; the weights are not counted.

    What torch.compile made tells nothing here.
    """
    kept, seen = Kept(), {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            kept.bytes += storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, _as_it_is):
        yield kept


@contextlib.contextmanager
def first_counted(job: Job) -> Generator[None]:
    """Count what the first forward pass of this process keeps; later ones run without that."""
    if job.kept is not None or job.plan.compile != "off" or is_sharded(job.built.module):
        yield
        return
    with counting(job.built.module) as kept:
        yield
    job.kept = kept.bytes


def start_counting(device: torch.device) -> None:
    """Forget earlier peaks of this process, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def usage_of(job: Job) -> Usage:
    """What a training took so far."""
    parameters = list(job.built.module.parameters())
    states = (value for own in job.optimizer.state.values() for value in own.values())
    devices = {own_part(parameter).device for parameter in parameters}  # several where layers are spread over them
    on_gpu = job.plan.device.type == "cuda"
    return Usage(
        weights=bytes_of(parameters),
        gradients=bytes_of(parameter for parameter in parameters if parameter.requires_grad),
        optimizer=bytes_of(value for value in states if isinstance(value, torch.Tensor)),
        average=sum(bytes_of(own.module.parameters()) for own in (job.ema, job.swa) if own is not None),
        activations=job.kept or 0,
        peak=sum(map(torch.cuda.max_memory_allocated, devices)) if on_gpu else _peak_of_process(),
        reserved=sum(map(torch.cuda.max_memory_reserved, devices)) if on_gpu else None,
    )


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of the elements of some tensors; of shards, those that lie here."""
    return sum(own.numel() * own.element_size() for own in map(own_part, tensors))


def _as_it_is(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def _peak_of_process() -> int:
    """The most memory that this process held at a time."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
