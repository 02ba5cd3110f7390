"""Records to ``records.jsonl``: one JSON object a line."""

import json
import math
import os
from pathlib import Path
from typing import Any

from sightline.errors import RunError
from sightline.files import cannot_write
from sightline.records import Record

_HELD = 50


class JsonlSink:
    """Appends records to a file. Lines wait in memory for up to 50 records, so that reading the device stays rare.

    Args:
        path: the file; what is beyond ``size`` is cut off, so that a resumed run repeats nothing.
        size: bytes of the file that count, as the checkpoint remembers them.

    Raises:
        RunError: the file cannot be written, or is shorter than the checkpoint remembers.
    """

    def __init__(self, path: Path, size: int = 0):
        self.path = path
        self.held: list[Record] = []
        try:
            self.file = path.open("ab")
            there = self.file.seek(0, os.SEEK_END)
            if there >= size:
                self.file.truncate(size)
        except OSError as error:
            raise cannot_write(path, error) from error
        if there < size:
            self.file.close()
            raise RunError(
                f"{path.name} lost records that the checkpoint remembers", where=str(path.parent),
                got=f"{there} of {size} bytes", hint="restore the file, or train a new run",
            )  # fmt: skip

    def write(self, record: Record) -> None:
        """Take a record."""
        self.held.append(record)
        if len(self.held) >= _HELD or record.kind in ("eval", "note"):
            self.flush()

    def flush(self) -> int:
        """Put every record on disk; the size of the file then, in bytes.

        Raises:
            RunError: the disk is full or the file cannot be written.
        """
        try:
            for record in self.held:
                self.file.write(json.dumps(_finite(record.plain()), ensure_ascii=False).encode() + b"\n")
            self.held.clear()
            self.file.flush()
            os.fsync(self.file.fileno())
            return self.file.seek(0, os.SEEK_END)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Flush and let go of the file."""
        self.flush()
        self.file.close()


def _finite(document: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: it is written as a word."""
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in document.items()}
