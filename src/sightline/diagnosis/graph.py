"""A network as a graph of operations, as one image goes through it."""

import collections
import contextlib
import functools
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Node(NamedTuple):
    """One operation."""

    name: str
    """Its place in the network, with slashes: ``stage1/block/conv1/conv2d``."""
    operation: str
    inputs: tuple[str, ...]
    """Names of the operations that its inputs come from."""
    shape: tuple[int, ...]
    """Of its output."""


@torch.no_grad()
def graph_of(module: nn.Module, images: torch.Tensor) -> list[Node]:
    """The operations that a network does in evaluation mode, in their order.

    The network is left as it was, and so are the random numbers.

    Args:
        module: the network.
        images: ``[n, channels, h, w]``.
    """
    modes = {part: part.training for part in module.modules()}
    trace = _Trace()
    trace.add("images", "Placeholder", (), images)
    try:
        module.eval()
        with torch.random.fork_rng(devices=[]), _scoped(module, trace), trace:
            module(images)
    finally:
        for part, training in modes.items():
            part.training = training
    return trace.nodes


class _Trace(TorchFunctionMode):
    """Writes down every function that is called on a tensor that came from the images."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.scope: list[str] = []
        self._names: dict[int, str] = {}
        self._kept: list[torch.Tensor] = []  # or another tensor might get the place in memory of one that is gone
        self._used: collections.Counter[str] = collections.Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        outputs = list(_tensors(given))
        if outputs:
            found = (self._names.get(id(tensor)) for tensor in _tensors([args, kwargs or {}]))
            inputs = tuple(dict.fromkeys(name for name in found if name is not None))
            if inputs:
                self.add(getattr(func, "__name__", "operation").strip("_"), "", inputs, *outputs)
        return given

    def add(self, operation: str, kind: str, inputs: Sequence[str], *outputs: torch.Tensor) -> None:
        """Add a node in the part of the network that is being computed."""
        path = "/".join([*self.scope, operation])
        self._used[path] += 1
        name = path if self._used[path] == 1 else f"{path}_{self._used[path] - 1}"
        self.nodes.append(Node(name, kind or operation, tuple(inputs), tuple(outputs[0].shape)))
        for output in outputs:
            self._names[id(output)] = name
            self._kept.append(output)


@contextlib.contextmanager
def _scoped(module: nn.Module, trace: _Trace) -> Generator[None]:
    """Let the trace know which part of the network is being computed."""
    handles: list[Any] = []
    for name, part in module.named_modules():
        if name:
            handles.append(part.register_forward_pre_hook(functools.partial(_enter, trace, name)))
            handles.append(part.register_forward_hook(functools.partial(_leave, trace)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _enter(trace: _Trace, name: str, _part: nn.Module, _inputs: Any) -> None:
    trace.scope.append(name.rpartition(".")[2] if trace.scope else name.replace(".", "/"))


def _leave(trace: _Trace, _part: nn.Module, _inputs: Any, _output: Any) -> None:
    trace.scope.pop()


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
