"""The split: which sample is in which part, made without leaks and frozen in a file."""

from sightline.data.split.divide import fold_parts, parts_to_make, split
from sightline.data.split.file import (
    COLUMNS,
    apply_split,
    read_split,
    refuse_changes,
    refuse_stated_changes,
    stated_changes,
    write_split,
    write_splits,
    written,
)

__all__ = [
    "COLUMNS",
    "apply_split",
    "fold_parts",
    "parts_to_make",
    "read_split",
    "refuse_changes",
    "refuse_stated_changes",
    "split",
    "stated_changes",
    "write_split",
    "write_splits",
    "written",
]
