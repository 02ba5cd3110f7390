"""What a long command tells a person: notes and progress on stderr, never on stdout."""

import contextlib
import time
import warnings
from collections.abc import Callable, Generator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

NOW_AND_THEN = 20.0
"""Seconds between two lines of progress where there is no terminal."""


class Say:
    """Writes notes and progress to stderr.

    Args:
        quiet: say nothing, for use as a library and on ranks other than 0.
    """

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self.console = Console(stderr=True, quiet=quiet, soft_wrap=True)

    def note(self, text: str) -> None:
        """One line."""
        self.console.print(text, markup=False, highlight=False)

    def warn(self, text: str) -> None:
        """One line that must not get lost: a program that wants no notes gets a Python warning."""
        if self.quiet:
            warnings.warn(text, stacklevel=2)
        else:
            self.note(text)

    def detail(self, text: str) -> None:
        """One line that matters less."""
        self.console.print(f"  {text}", style="dim", markup=False, highlight=False)

    @contextlib.contextmanager
    def progress(self, label: str) -> Generator[Callable[[int, int], None] | None]:
        """A bar with a rate while the block runs; a line now and then where there is no terminal to draw it on."""
        if self.quiet:
            yield None
            return
        if not self.console.is_terminal:
            yield self._lines(label)
            return
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _lines(self, label: str) -> Callable[[int, int], None]:
        start = time.monotonic()
        told = start

        def tell(done: int, total: int) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= NOW_AND_THEN and done < total:
                self.note(f"{label}: {done:,} of {total:,}, {done / (now - start):,.0f}/s")
                told = now

        return tell


class _Rate(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s", style="progress.data.speed")
