"""What a network costs: numbers it has learnt, work for one image, time and energy on this machine."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sightline.evaluation.energy import Energy

ROUNDS = 40
"""Timed passes of each network."""
SECONDS = 8.0
"""Longest time in seconds that all timed passes may take; there are three rounds at least."""
_WARM = 3
_COUNTED = 1.0
"""Seconds for which each network works while energy is counted."""


def parameters(module: nn.Module) -> int:
    """Learnt numbers of a network."""
    return sum(parameter.numel() for parameter in module.parameters())


def weights_bytes(module: nn.Module) -> int:
    """Bytes of all that a file of its weights holds."""
    return sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())


@torch.inference_mode()
def multiply_adds(module: nn.Module, image: torch.Tensor) -> int | None:
    """Multiply-adds of convolutions and matrix products for one image ``[1, channels, h, w]``; ``None``: the network
    does something of which they cannot be counted.
    """
    try:
        with FlopCounterMode(display=False) as counter:
            module(image)
    except Exception:  # noqa: BLE001 - the counter knows not every operation, and a network may be any
        return None
    return counter.get_total_flops() // 2


def interleaved(
    works: Sequence[Callable[[], None]], rounds: int = ROUNDS, seconds: float = SECONDS
) -> list[list[float]]:
    """Seconds of each pass of several pieces of work, in turns: what slows the machine for a while slows all of them.

    Args:
        works: what is timed; each is run some times before.
        rounds: passes of each.
        seconds: the time after which no new round begins, once there were three.
    """
    for work in works:
        for _ in range(_WARM):
            work()
    times: list[list[float]] = [[] for _ in works]
    begun = time.perf_counter()
    for number in range(rounds):
        if number >= _WARM and time.perf_counter() - begun > seconds:
            break
        for place in range(len(works)):
            which = (place + number) % len(works)  # none is always the one after a certain other
            start = time.perf_counter()
            works[which]()
            times[which].append(time.perf_counter() - start)
    return times


def latencies(times: Sequence[Sequence[float]]) -> list[dict[str, float]]:
    """Median and 95th percentile of each list of seconds, in milliseconds."""
    rows = [np.quantile(np.asarray(own) * 1000, [0.5, 0.95]) for own in times]
    return [{"p50": float(row[0]), "p95": float(row[1])} for row in rows]


def joules(works: Sequence[Callable[[], None]], meter: Energy) -> tuple[list[float | None], str]:
    """Joules of one pass of each piece of work, and why they are not known where they are not."""
    absent = meter.absent
    if absent:
        return [None] * len(works), absent
    found: list[float | None] = []
    for work in works:
        meter.start()
        begun, passes = time.perf_counter(), 0
        while time.perf_counter() - begun < _COUNTED:
            work()
            passes += 1
        used = meter.stop()
        found.append(None if used is None else used / passes)
    return found, "" if None not in found else "the counter could not be read"


def forward(module: nn.Module, image: torch.Tensor) -> Callable[[], None]:
    """One pass of an image through a network, waited for."""
    wait: Callable[[], Any] = torch.cuda.synchronize if image.is_cuda else lambda: None

    def work() -> None:
        with torch.inference_mode():
            module(image)
        wait()

    return work
