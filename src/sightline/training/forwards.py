"""Parts of a network whose forward is done in another way: in float32, or once more in the backward pass.

A part changes its class and nothing else: names, weights, copies and the state dictionary stay what they are.
"""

import contextlib
import fnmatch
import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from sightline.errors import ConfigError, did_you_mean
from sightline.training.config import TrainConfig

_HALF = (torch.bfloat16, torch.float16)
_LISTS = (nn.ModuleList, nn.ModuleDict)
_Way = Callable[[nn.Module, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""(part, its own forward, arguments, named arguments) -> its output."""


class Forwards:
    """The parts of a network whose forward was changed, and which of them were ever called.

    Args:
        module: the network; changed in place.
        config: names the parts, by ``fp32`` and ``recompute``.

    Raises:
        ConfigError: a pattern fits no part.
    """

    def __init__(self, module: nn.Module, config: TrainConfig):
        self.called: set[tuple[str, str]] = set()
        self.wanted: set[tuple[str, str]] = set()
        # The islands first: what is computed again is then computed in the same way.
        for key, way, parts in (
            ("train.fp32", _in_float32, [] if config.fp32 == "auto" else named(module, config.fp32, "train.fp32")),
            ("train.recompute", _computed_again, recomputed(module, config.recompute)),
        ):
            for name in parts:
                self.wanted.add((key, name))
                _change(module.get_submodule(name), way, functools.partial(self.called.add, (key, name)))

    def refuse_idle(self) -> None:
        """After the network was called: refuse parts whose own forward is not what the network calls.

        Raises:
            ConfigError: names them.
        """
        idle = sorted(self.wanted - self.called)
        if idle:
            raise ConfigError(
                f"{idle[0][0]} would have no effect: the network does not call these parts, but parts of them",
                where=idle[0][0], got=", ".join(name for _, name in idle), hint="name parts below them, or above",
            )  # fmt: skip


def widen(module: nn.Module, names: Sequence[str]) -> None:
    """Compute these parts of a network in float32; changed in place."""
    for name in names:
        _change(module.get_submodule(name), _in_float32, lambda: None)


def _change(part: nn.Module, way: _Way, called: Callable[[], None]) -> None:
    kind = type(part)

    @functools.wraps(kind.forward)
    def forward(own: nn.Module, *args: Any, **named: Any) -> Any:
        called()
        return way(own, functools.partial(kind.forward, own), args, named)

    part.__class__ = type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})


def named(module: nn.Module, patterns: Sequence[str], key: str) -> list[str]:
    """Names of the parts that fit one of the patterns; of parts within one another, the outermost.

    Args:
        module: the network.
        patterns: as in a shell, such as ``head``, ``blocks.0.*`` or ``*.bn1``.
        key: the setting, for the message.

    Raises:
        ConfigError: a pattern fits nothing; says the nearest names.
    """
    names = [name for name, _ in module.named_modules() if name]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise ConfigError(
                f"no part of the network is called '{pattern}'", where=key,
                allowed=[name for name, _ in module.named_children()],
                hint=did_you_mean(pattern, names) or "patterns are those of a shell, such as blocks.0.* or *.bn1",
            )  # fmt: skip
    found: list[str] = []
    for name in names:
        inner = any(name.startswith(outer + ".") for outer in found)
        fits = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        listed = any(fnmatch.fnmatchcase(outer, p) for outer in _lists_around(module, name) for p in patterns)
        if (fits or listed) and not inner and not isinstance(module.get_submodule(name), _LISTS):
            found.append(name)
    return found


def grouped(module: nn.Module, inputs: torch.Tensor) -> tuple[str, ...]:
    """Names of the grouped convolutions, depthwise ones among them, that the network calls for these inputs.

    Args:
        module: a copy of the network; comes out in evaluation mode.
        inputs: ``[n, channels, height, width]``, normalised.
    """
    called = dict[str, None]()
    with contextlib.ExitStack() as stack:
        for name, part in module.named_modules():
            if _is_grouped(part):
                hook = part.register_forward_pre_hook(lambda *_, name=name: called.setdefault(name))
                stack.callback(hook.remove)
        stack.enter_context(torch.no_grad())
        module.eval()(inputs)
    return tuple(called)


def _is_grouped(part: nn.Module) -> bool:
    return isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d) and part.groups > 1


def recomputed(module: nn.Module, wanted: str | Sequence[str]) -> list[str]:
    """Names of the parts whose activations are computed again.

    Args:
        module: the network.
        wanted: ``none``, ``all`` or patterns.

    Raises:
        ConfigError: a pattern fits nothing, or the network has no parts made of parts.
    """
    if not isinstance(wanted, str):
        return named(module, wanted, "train.recompute")
    if wanted == "none":
        return []
    found = list(_stages(module, ""))
    if not found:
        raise ConfigError(
            "the network has no stages: none of its parts has parts of its own", where="train.recompute", got=wanted,
            hint="remove it, or save memory with train.accumulate",
        )  # fmt: skip
    return found


def _stages(module: nn.Module, prefix: str) -> Iterator[str]:
    """The children made of layers with weights; what is in a row of such children, where a child is one."""
    for name, child in module.named_children():
        if not any(_weights(grandchild) for grandchild in child.children()):
            continue
        row = isinstance(child, (nn.Sequential, *_LISTS)) and not prefix
        if row and all(any(True for _ in inner.children()) for inner in child.children() if _weights(inner)):
            yield from _stages(child, f"{prefix}{name}.")
        elif not isinstance(child, _LISTS):
            yield prefix + name


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _lists_around(module: nn.Module, name: str) -> Iterator[str]:
    """The lists of modules that directly hold a part: nobody calls those, but what is in them."""
    while "." in name:
        name = name.rpartition(".")[0]
        if not isinstance(module.get_submodule(name), _LISTS):
            return
        yield name


def _in_float32(own: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Without autocast, on inputs in float32.

    A grouped convolution hands on what it got: it is an island for speed, and what follows shall be no slower for it.
    Other parts hand on float32.
    """
    kinds = {tensor.device.type for tensor in _tensors((args, named))} or {"cpu"}
    with contextlib.ExitStack() as stack:
        for kind in kinds:
            stack.enter_context(torch.autocast(kind, enabled=False))
        found = forward(*_widened(args), **_widened(named))
    got = next(_tensors((args, named)), None)
    if _is_grouped(own) and isinstance(found, torch.Tensor) and got is not None and got.dtype in _HALF:
        return found.to(got.dtype)
    return found


def _computed_again(own: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Keep the inputs only, and compute the rest again in the backward pass (Chen et al. 2016).

    Random numbers are those of the first time. So are the buffers, which afterwards are what the first time made of
    them: batch statistics take in each batch once.
    """
    if not torch.is_grad_enabled() or not own.training:
        return forward(*args, **named)
    before: list[torch.Tensor] = []

    @contextlib.contextmanager
    def first() -> Generator[None]:
        before.extend(buffer.clone() for buffer in own.buffers())
        yield

    @contextlib.contextmanager
    def again() -> Generator[None]:
        after = [buffer.clone() for buffer in own.buffers()]
        _fill(own, before)
        try:
            yield
        finally:
            _fill(own, after)

    return checkpoint(forward, *args, use_reentrant=False, context_fn=lambda: (first(), again()), **named)


@torch.no_grad()
def _fill(module: nn.Module, values: Sequence[torch.Tensor]) -> None:
    for buffer, value in zip(module.buffers(), values, strict=True):
        buffer.copy_(value)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _widened(value: Any) -> Any:
    """The same with tensors of half the width in float32."""
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype in _HALF else value
    if isinstance(value, dict):
        return {key: _widened(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_widened(item) for item in value)
    return value
