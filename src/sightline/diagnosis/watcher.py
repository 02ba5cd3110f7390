"""Everything that looks at a network in a step, at the same steps."""

import contextlib
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from sightline.diagnosis.probes import is_due


class Look(Protocol):
    """One thing that looks. It keeps what it saw until it is told."""

    def begin(self, step: int) -> None:
        """A step that is looked at begins, counted from 1."""
        ...

    def forward(self) -> AbstractContextManager[None]:
        """Look at the forward pass within."""
        ...

    def backward(self, scale: torch.Tensor) -> None:
        """Look at the gradients, which are multiplied by a factor, and at the weights before the step."""
        ...

    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """After the step: values and arrays for its record."""
        ...


class Watcher:
    """Looks at some of the steps of a training.

    Args:
        looks: what looks.
        every: how many steps apart the looks are once they are rare.
    """

    def __init__(self, looks: list[Look], every: int):
        self.looks, self.every = looks, every
        self.due = False
        self.waiting = False

    def begin(self, step: int) -> None:
        """A step begins, counted from 1: whether it is looked at follows from its number alone."""
        self.due = self.waiting = is_due(step, self.every)
        if self.due:
            for look in self.looks:
                look.begin(step)

    @contextlib.contextmanager
    def forward(self) -> Generator[None]:
        """Look at the forward pass within; the step waits for no other one."""
        self.waiting = False
        with contextlib.ExitStack() as stack:
            for look in self.looks:
                stack.enter_context(look.forward())
            yield

    def backward(self, scale: torch.Tensor) -> None:
        """Look at the gradients, which are multiplied by a factor, and at the weights before the step."""
        for look in self.looks:
            look.backward(scale)

    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """After the step: values and arrays for its record."""
        values: dict[str, Any] = {}
        arrays: dict[str, Any] = {}
        for look in self.looks:
            own = look.told()
            values |= own[0]
            arrays |= own[1]
        return values, arrays
