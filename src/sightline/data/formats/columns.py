"""Columns that grow sample by sample without an object each, and then become ``Samples``."""

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sightline.data.samples import Names, Samples


class Columns:
    """Path, label and part of the samples read so far, packed as ``Samples`` will hold them."""

    def __init__(self) -> None:
        self.block = bytearray()
        self.ends = array("q", [0])
        self.labels = array("i")
        self.parts = array("b")

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, path: str, label: int, part: int) -> None:
        """Append one sample; ``path`` may hold bytes that are not valid UTF-8, as the system gave them."""
        self.block += path.encode("utf-8", "surrogateescape")
        self.ends.append(len(self.block))
        self.labels.append(label)
        self.parts.append(part)

    def samples(self, root: Path, classes: Sequence[str], form: str, ignored: Sequence[str]) -> Samples:
        """The columns as samples, without a copy. Nothing can be added after this."""
        return Samples(
            root=root,
            paths=Names(np.frombuffer(self.block, np.uint8), np.frombuffer(self.ends, np.int64)),
            labels=np.frombuffer(self.labels, np.int32),
            classes=tuple(classes),
            parts=np.frombuffer(self.parts, np.int8),
            format=form,
            ignored=tuple(sorted(set(ignored))),
        )
