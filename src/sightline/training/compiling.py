"""A network as torch.compile makes it, or as it is where that fails."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sightline.training.shortage import is_out_of_memory

MODES = {"default": "default", "max": "max-autotune-no-cudagraphs"}
"""Modes of torch.compile, by their name in the settings."""


class Compiled(nn.Module):
    """Calls a network through torch.compile. Weights and their names stay those of the network itself.

    Each size of batch has kernels of its own, so that a resumed training computes with the same ones: those that fit
    any size would be made or not by what came before. They are made, and the time is told, when the size first comes.

    Args:
        module: the network.
        kind: ``default`` or ``max``.
        tell: is told how long it took, or why it failed; the network is then called as it is.
    """

    def __init__(self, module: nn.Module, kind: str, tell: Callable[[str], None]):
        super().__init__()
        torch._dynamo.reset()  # pyright: ignore[reportPrivateUsage]  earlier kernels count against a limit
        self.module, self.tell = module, tell
        # In a list, where it is no part of this module: the weights are already those of the network.
        self._fast: list[Callable[..., Any]] = [torch.compile(module, mode=MODES[kind], dynamic=False)]
        self._made: set[tuple[int, ...]] = set()

    def forward(self, inputs: torch.Tensor) -> Any:
        """Inputs ``[n, channels, h, w]`` to what the network gives."""
        shape = tuple(inputs.shape)
        if self._fast and shape not in self._made and torch.is_grad_enabled():
            self._make(inputs)
            self._made.add(shape)
        return (self._fast or [self.module])[0](inputs)

    def _make(self, inputs: torch.Tensor) -> None:
        """Forward and backward once, without a trace in the network; nor in the random numbers."""
        buffers = [buffer.clone() for buffer in self.module.buffers()]
        states = torch.get_rng_state(), torch.cuda.get_rng_state(inputs.device) if inputs.is_cuda else None
        began = time.perf_counter()
        try:
            outputs = self._fast[0](inputs)
            learning = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
            torch.autograd.grad(outputs.float().sum(), learning, allow_unused=True)
            self.tell(
                f"torch.compile: {time.perf_counter() - began:.1f} s for batches of {len(inputs)} "
                f"images of {inputs.shape[2]} x {inputs.shape[3]}"
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise
            self._fast.clear()
            reason = f"{type(error).__name__}: {error}".strip().split("\n")[0]
            self.tell(f"torch.compile fails on this network or machine, going on without it ({reason})")
        with torch.no_grad():
            for buffer, value in zip(self.module.buffers(), buffers, strict=True):
                buffer.copy_(value)
        torch.set_rng_state(states[0])
        if states[1] is not None:
            torch.cuda.set_rng_state(states[1], inputs.device)
