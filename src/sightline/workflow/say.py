"""What a long command tells a person: notes and progress on stderr, never on stdout."""

import contextlib
from collections.abc import Callable, Generator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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

    def detail(self, text: str) -> None:
        """One line that matters less."""
        self.console.print(f"  {text}", style="dim", markup=False, highlight=False)

    @contextlib.contextmanager
    def progress(self, label: str) -> Generator[Callable[[int, int], None] | None]:
        """A bar while the block runs; ``None`` where there is no terminal to draw it on."""
        if self.quiet or not self.console.is_terminal:
            yield None
            return
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
