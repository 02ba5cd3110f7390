"""Records to TensorBoard event files."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from sightline.errors import MissingExtra
from sightline.records import Record
from sightline.sinks.machine_use import MachineUse
from sightline.sinks.tensorboard_scalars import scalars_of
from sightline.sinks.tensorboard_shown import Writer, show_arrays

_HELD = 50
_FILES = "events.out.tfevents.*"
_KINDS = ("step", "look", "eval")


class TensorboardSink:
    """Writes the numbers of every record as scalars ``train/…``, ``val/…``, ``seen/…``, and its arrays as pictures.

    Args:
        folder: where the event files go.
        first_step: the step that training starts from; TensorBoard drops what an earlier process wrote beyond it.
        shares: of the learning rate, by the name of a group of parameters, where there are several.
        classes: their names, for the pictures of an evaluation.

    Raises:
        MissingExtra: tensorboard is not installed.
        OSError: the files cannot be written; so do the other methods.
    """

    def __init__(
        self,
        folder: Path,
        first_step: int = 0,
        shares: Mapping[str, float] | None = None,
        classes: tuple[str, ...] = (),
    ):
        try:
            from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415  slow to import
        except ImportError as error:
            raise MissingExtra(
                "tensorboard is not installed", where="train.tensorboard",
                hint='pip install "sightline[train]", or -s train.tensorboard=false',
            ) from error  # fmt: skip
        self.shares, self.classes, self.held = shares or {}, classes, list[Record]()
        self.use = MachineUse()
        before = sorted(folder.glob(_FILES))
        self.writer: Writer = SummaryWriter(str(folder), purge_step=first_step + 1 if first_step else None)
        _put_last(folder, before)

    def write(self, record: Record) -> None:
        """Take a record. They wait in memory for up to 50, so that reading the device stays rare."""
        if record.kind not in _KINDS:
            return
        self.held.append(record)
        if len(self.held) >= _HELD or record.kind == "eval":
            self.flush()

    def flush(self) -> None:
        """Write what is held, and how much of the machine was in use meanwhile."""
        held, self.held = self.held, []
        for record in held:
            for name, value in scalars_of(record.plain(), self.shares):
                self.writer.add_scalar(name, value, record.step)
            show_arrays(self.writer, record.arrays, self.classes, record.step)
        if held:
            for name, value in self.use.measured().items():
                self.writer.add_scalar(f"machine/{name}", value, held[-1].step)

    def close(self) -> None:
        """Write what is still held."""
        self.flush()
        with contextlib.suppress(OSError):
            self.writer.close()


def _put_last(folder: Path, before: list[Path]) -> None:
    """Let the file that was just begun be the last that TensorBoard reads.

    It reads files in the order of their names, and those have the second in which they were begun. After a clock that
    was set back, or within a second, the earlier files would come later, and what they hold beyond the checkpoint would
    stay.

    Args:
        folder: of all event files.
        before: those of earlier starts, in their order.
    """
    begun = set(folder.glob(_FILES)) - set(before)
    if not before or not begun or max(before) < min(begun):
        return
    start, second = len(_FILES) - 1, int(min(begun).name.split(".")[3])
    for place, path in enumerate(before):
        rest = path.name[start:].partition(".")[2]
        path.rename(folder / f"{_FILES[:-1]}{second - len(before) + place:010d}.{rest}")
