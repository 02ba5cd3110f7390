"""Records to TensorBoard event files."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from sightline.errors import MissingExtra
from sightline.records import Record

_HELD = 50
_FILES = "events.out.tfevents.*"
_UNTOLD = frozenset({"kind", "step", "images", "best"})


class TensorboardSink:
    """Writes the numbers of every record as scalars ``train/…`` and ``val/…``.

    Args:
        folder: where the event files go.
        first_step: the step that training starts from; TensorBoard drops what an earlier process wrote beyond it.
        warn: is told, once, when the files can no longer be written.

    Raises:
        MissingExtra: tensorboard is not installed.
    """

    def __init__(self, folder: Path, first_step: int = 0, warn: Callable[[str], None] = print):
        try:
            from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415  slow to import
        except ImportError as error:
            raise MissingExtra(
                "tensorboard is not installed", where="train.tensorboard",
                hint='pip install "sightline[train]", or -s train.tensorboard=false',
            ) from error  # fmt: skip
        self.warn, self.held = warn, list[Record]()
        before = sorted(folder.glob(_FILES))
        self.writer: SummaryWriter | None = SummaryWriter(
            str(folder), purge_step=first_step + 1 if first_step else None
        )
        _put_last(folder, before)

    def write(self, record: Record) -> None:
        """Take a record. Steps wait in memory for up to 50, so that reading the device stays rare."""
        if record.kind not in ("step", "eval") or self.writer is None:
            return
        self.held.append(record)
        if len(self.held) >= _HELD or record.kind == "eval":
            self._flush()

    def close(self) -> None:
        """Write what is still held."""
        self._flush()
        if self.writer is not None:
            with contextlib.suppress(OSError):
                self.writer.close()

    def _flush(self) -> None:
        """Write the held records. Watching never ends a training: after a fault it goes on without TensorBoard."""
        held, self.held = self.held, []
        try:
            for record in held:
                self._add(record)
        except OSError as error:
            self.writer = None
            self.warn(f"TensorBoard files can no longer be written ({error.strerror or error}); going on without")

    def _add(self, record: Record) -> None:
        for key, value in record.plain().items():
            wanted = record.kind == "step" or key.startswith("val_")
            if self.writer is None or not wanted or key in _UNTOLD or isinstance(value, str):
                continue
            place = f"val/{key.removeprefix('val_')}" if key.startswith("val_") else f"train/{key}"
            self.writer.add_scalar(place, value, record.step)


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
