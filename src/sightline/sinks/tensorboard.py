"""Records to TensorBoard event files."""

from pathlib import Path

from sightline.errors import MissingExtra
from sightline.records import Record


class TensorboardSink:
    """Writes the numbers of every record as scalars ``train/…`` and ``val/…``.

    Args:
        folder: where the event files go.
        first_step: the step that training starts from; TensorBoard drops what an earlier process wrote beyond it.

    Raises:
        MissingExtra: tensorboard is not installed.
    """

    def __init__(self, folder: Path, first_step: int = 0):
        try:
            from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415  slow to import
        except ImportError as error:
            raise MissingExtra(
                "tensorboard is not installed", where="train.tensorboard",
                hint='pip install "sightline[train]", or -s train.tensorboard=false',
            ) from error  # fmt: skip
        self.writer = SummaryWriter(str(folder), purge_step=first_step + 1 if first_step else None)

    def write(self, record: Record) -> None:
        """Take a record."""
        if record.kind not in ("step", "eval"):
            return
        for key, value in record.plain().items():
            if key in ("kind", "step", "images", "best") or isinstance(value, str):
                continue
            place = f"val/{key.removeprefix('val_')}" if key.startswith("val_") else f"train/{key}"
            if record.kind == "step" or key.startswith("val_"):
                self.writer.add_scalar(place, value, record.step)

    def close(self) -> None:
        """Write what is still held."""
        self.writer.close()
