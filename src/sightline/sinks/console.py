"""Records to the terminal: a bar with loss, the task's figure, rate, time left; on no terminal a line now and then."""

import time
from collections import deque

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from sightline.records import Record

_QUIET_SECONDS = 10.0


class ConsoleSink:
    """Shows the progress of a training on stderr.

    Args:
        console: where to write.
        steps: steps of the whole run.
        first_step: steps that are already done.
        figure: what the task is judged by beside the loss.
    """

    def __init__(self, console: Console, steps: int, first_step: int = 0, figure: str = "accuracy"):
        self.console, self.steps, self.figure = console, steps, figure
        self.recent: deque[tuple[float, int]] = deque(maxlen=50)
        self.said = time.monotonic()
        self.bar: Progress | None = None
        self.task = TaskID(0)
        if console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total} steps"),
                TextColumn("{task.fields[told]}"),
                TimeRemainingColumn(),
                console=console,
                transient=False,
            )
            self.task = self.bar.add_task("training", total=steps, completed=first_step, told="")
            self.bar.start()

    def write(self, record: Record) -> None:
        """Take a record."""
        if record.kind == "step":
            self._step(record)
        elif record.kind == "eval":
            values = record.plain()
            mark = "  best so far" if values["best"] else ""
            self.console.print(
                f"epoch {record.epoch:6.2f}  step {record.step:>6}  "
                f"val loss {values['val_loss']:.4f}  val {self.figure} {values[f'val_{self.figure}']:.4f}{mark}",
                highlight=False,
            )
        elif record.kind == "note":
            self.console.print(str(record.values.get("text", "")), markup=False, highlight=False)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.stop()

    def _step(self, record: Record) -> None:
        now = time.monotonic()
        self.recent.append((now, record.values["images"]))
        waited_enough = now - self.said > (0.5 if self.bar is not None else _QUIET_SECONDS)
        if not waited_enough and record.step != self.steps:
            if self.bar is not None:
                self.bar.update(self.task, completed=record.step)
            return
        self.said = now
        values = record.plain()
        known = len(self.recent) > 1  # a rate needs two steps
        rate = f"  {self._rate():.0f} images/s" if known else ""
        told = f"loss {values['loss']:.4f}  {self.figure} {values[self.figure]:.3f}{rate}"
        if self.bar is not None:
            self.bar.update(self.task, completed=record.step, told=told)
        else:
            left = f"  {_left((self.steps - record.step) * self._seconds_per_step())}" if known else ""
            self.console.print(
                f"epoch {record.epoch:6.2f}  step {record.step:>6}/{self.steps}  {told}{left}", highlight=False
            )

    def _rate(self) -> float:
        seconds = self.recent[-1][0] - self.recent[0][0]
        return sum(images for _, images in list(self.recent)[1:]) / seconds if seconds > 0 else 0.0

    def _seconds_per_step(self) -> float:
        return (self.recent[-1][0] - self.recent[0][0]) / max(1, len(self.recent) - 1)


def _left(seconds: float) -> str:
    return f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"
