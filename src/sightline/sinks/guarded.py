"""A consumer of records that can neither end a training nor hold it up."""

import time
from collections.abc import Callable
from typing import Any

from sightline.errors import SightlineError
from sightline.records import Record

PATIENCE, SHARE = 30.0, 0.05
"""Seconds that a sink may take, and the share of the training's time from which on more is too much."""


class Guarded:
    """Gives records to a sink until that fails or takes too long; then goes on without it, with one warning.

    Args:
        name: what the warning calls it.
        make: makes the sink.
        warn: is told.
        patience: seconds that it may take whatever their share; infinite for what is done at few steps on purpose.

    Raises:
        SightlineError: as ``make`` says, such as that a library is missing.
    """

    def __init__(self, name: str, make: Callable[[], Any], warn: Callable[[str], None], patience: float = PATIENCE):
        self.name, self.warn, self.patience = name, warn, patience
        self.begun, self.spent = time.perf_counter(), 0.0
        self.sink: Any = None
        try:
            self.sink = make()
        except SightlineError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever its library raises
            self._give_up(error)

    def write(self, record: Record) -> None:
        """Take a record."""
        self.use(lambda sink: sink.write(record))

    def close(self) -> None:
        """The training has ended."""
        self.use(lambda sink: sink.close())
        self.sink = None

    def use(self, act: Callable[[Any], None]) -> None:
        """Do something with the sink, if it is still there.

        Args:
            act: is given the sink.
        """
        if self.sink is None:
            return
        began = time.perf_counter()
        try:
            act(self.sink)
        except Exception as error:  # noqa: BLE001 - whatever its library raises
            self._give_up(error)
            return
        now = time.perf_counter()
        self.spent += now - began
        if self.spent > max(self.patience, SHARE * (now - self.begun)):
            self._give_up(f"it took {self.spent:.0f} of {now - self.begun:.0f} seconds")

    def _give_up(self, reason: Exception | str) -> None:
        self.sink = None
        told = reason if isinstance(reason, str) else f"{type(reason).__name__}: {reason}".split("\n")[0]
        self.warn(f"warning: {self.name} is dropped, the training goes on without it ({told})")
