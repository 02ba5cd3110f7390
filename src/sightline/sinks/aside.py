"""A tracker in a thread of its own, so that it can neither slow a training nor end it."""

import queue
import threading
from collections.abc import Callable
from typing import Protocol

from sightline.records import Record
from sightline.sinks.scalars import scalars

_HELD = 50
_MOST = 1000
"""Bundles of up to 50 records that may wait for a tracker that is slow; later ones are lost and counted."""
_PATIENCE = 300.0
"""Seconds that a training which has ended waits for what is still to be sent."""


class Tracker(Protocol):
    """Somebody who keeps the figures of runs."""

    def log(self, step: int, figures: dict[str, float]) -> None:
        """Take the figures of a step."""
        ...

    def close(self) -> None:
        """The training has ended."""
        ...


class Aside:
    """A consumer of records that passes their numbers on to a tracker in another thread.

    Whatever the tracker's library raises ends the tracking with one warning and the training goes on. Where it is
    slower than the training, a bounded number of records waits; more are dropped, and the end says how many.

    Args:
        name: of the tracker, for people.
        start: opens the tracker, in the thread.
        warn: is told, once, what went wrong.
        patience: seconds to wait at the end.
    """

    def __init__(
        self, name: str, start: Callable[[], Tracker], warn: Callable[[str], None], patience: float = _PATIENCE
    ):
        self.name, self.start, self.warn, self.patience = name, start, warn, patience
        self.held: list[Record] = []
        self.lost, self.over = 0, False
        self.waiting: queue.Queue[list[tuple[int, dict[str, float]]] | None] = queue.Queue(_MOST)
        self.thread = threading.Thread(target=self._work, name=f"tracking by {name}", daemon=True)
        self.thread.start()

    def write(self, record: Record) -> None:
        """Take a record. Steps wait in memory for up to 50, so that reading the device stays rare."""
        if record.kind not in ("step", "eval") or self.over:
            return
        self.held.append(record)
        if len(self.held) >= _HELD or record.kind == "eval":
            self._pass_on()

    def close(self) -> None:
        """Pass on what is held, and wait for the tracker to end; not for ever."""
        if not self.over:
            self._pass_on()
            try:
                self.waiting.put(None, timeout=self.patience)
            except queue.Full:
                self.over = True
            self.thread.join(self.patience)
        if self.thread.is_alive():
            self.over = True
            self.warn(f"warning: {self.name} did not take everything within {self.patience:.0f} s; going on without it")
        if self.lost:
            self.warn(f"warning: {self.name} was slow and got nothing of {self.lost} records; records.jsonl has all")

    def _pass_on(self) -> None:
        held, self.held = self.held, []
        figures = [(record.step, scalars(record)) for record in held]
        try:
            self.waiting.put_nowait(figures)
        except queue.Full:
            self.lost += len(figures)

    def _work(self) -> None:
        try:
            tracker = self.start()
            while (bundle := self.waiting.get()) is not None:
                for step, figures in bundle:
                    tracker.log(step, figures)
            tracker.close()
        except (Exception, SystemExit) as error:  # noqa: BLE001  nothing that watches may end a training
            self.over = True
            told = str(error).strip().split("\n")[0] or type(error).__name__
            self.warn(f"warning: {self.name} failed ({told}); training goes on without it")
