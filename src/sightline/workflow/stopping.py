"""Being asked to stop: by Ctrl-C, by SIGTERM as schedulers send it, or by a consumer of the records."""

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from sightline import distributed


class Terminated(KeyboardInterrupt):
    """SIGTERM came while nothing was trained yet. Like Ctrl-C it passes every handler of errors.

    Args:
        folder: of the run, where there is one to resume.
    """

    def __init__(self, folder: Path | None):
        super().__init__()
        self.folder = folder


class Stop:
    """What the training loop asks after each step whether it shall end.

    Inside ``with``, a signal before ``training`` ends the process at once, as nothing is lost; after it, the signal is
    remembered and the loop ends the step and saves. A second one is not waited for.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.before: dict[int, Any] = {}
        self.started = False
        self.folder: Path | None = None

    def __call__(self) -> bool:
        """Whether the training shall end."""
        return bool(self.reason)

    def because(self, reason: str) -> None:
        """Ask for the end; the first reason counts."""
        self.reason = self.reason or reason

    def training(self) -> None:
        """From now on there is something to save."""
        self.started = True

    def shared(self) -> str:
        """The reason of the first rank that has one; empty where there is none. All ranks must call it."""
        return next((reason for reason in distributed.gathered(self.reason) if reason), "")

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _signalled(self, number: int, _: FrameType | None) -> None:
        if self.reason.startswith("SIG"):  # asked twice: do not wait for the step
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if not self.started:
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated(self.folder)
        self.reason = self.reason or signal.Signals(number).name
