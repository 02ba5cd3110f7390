"""Running out of memory: how it looks, and what it must not leave behind."""

import gc

import torch
from torch import nn

_WORDS = (
    "out of memory",
    "can't allocate memory",  # torch's allocator on a CPU
    "not enough memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, on a GPU or on the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


def release(device: torch.device) -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


class Buffers:
    """The buffers of a network, such as batch statistics, and what they were before a step.

    Args:
        module: the network; which of its parts have buffers is looked up once.
    """

    def __init__(self, module: nn.Module):
        self.owners = [part for part in module.modules() if any(True for _ in part.buffers(recurse=False))]
        self.own: list[torch.Tensor] = []
        self.before: list[torch.Tensor] = []

    def remember(self) -> None:
        """Keep the values of now."""
        self.own = [buffer for part in self.owners for buffer in part.buffers(recurse=False)]
        if [one.shape for one in self.before] != [one.shape for one in self.own]:
            self.before = [torch.empty_like(buffer) for buffer in self.own]
        _copy(self.own, self.before)

    def restore(self) -> None:
        """Give the buffers the values that were kept."""
        _copy(self.before, self.own)


@torch.no_grad()
def _copy(values: list[torch.Tensor], into: list[torch.Tensor]) -> None:
    if values:
        torch._foreach_copy_(into, values)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  one call, not one for each
