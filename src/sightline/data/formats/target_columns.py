"""Labels and numbers in a table: several names in one column, or a column for each."""

import re
from array import array
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import SEPARATORS
from sightline.data.wanted import Wanted

Fault = Callable[[str, int, object], None]
_TRUTH = {"0": 0.0, "0.0": 0.0, "false": 0.0, "no": 0.0, "1": 1.0, "1.0": 1.0, "true": 1.0, "yes": 1.0}
_MOST = float(np.finfo(np.float32).max)


def key_of(column: str) -> str:
    """How the rows name a column that holds a label or a number, so that it cannot be taken for another one."""
    return f"target {column.strip().lower()}"


class TargetColumns:
    """The labels or numbers of the rows read so far.

    Args:
        wanted: says of which kind, and in which columns.
        column: name of the label column, which names the number in it.
        fault: is told what is wrong, in which line, and what stood there.
    """

    def __init__(self, wanted: Wanted, column: str, fault: Fault):
        self.wanted, self.fault = wanted, fault
        self.names = list(wanted.columns) or ([column] if wanted.kind == "numbers" else [])
        self.values = array("f")
        self.listed = dict[str, int]()
        self.rows, self.codes, self.count = array("i"), array("i"), 0

    def add(self, row: Mapping[str, str], line: int) -> None:
        """Take one row, or note its faults."""
        if self.wanted.columns or self.wanted.kind == "numbers":
            cells = [row[key_of(name)] for name in self.wanted.columns] or [row["label"]]
            self.values.extend(self._value(cell, line) for cell in cells)
        else:
            self._list(row["label"])
        self.count += 1

    def result(self) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Names in the order of the columns, or sorted where they were listed; and the targets ``[rows, names]``."""
        if self.names:
            return tuple(self.names), np.frombuffer(self.values, np.float32).reshape(self.count, len(self.names))
        names = tuple(sorted(self.listed))
        place = np.empty(len(names), np.int64)
        place[[self.listed[name] for name in names]] = np.arange(len(names))
        targets = np.zeros((self.count, len(names)), np.float32)
        targets[np.frombuffer(self.rows, np.int32), place[np.frombuffer(self.codes, np.int32)]] = 1.0
        return names, targets

    def _list(self, text: str) -> None:
        """Take the names of one image, none where the field is empty."""
        for name in dict.fromkeys(name.strip() for name in re.split(f"[{SEPARATORS}]", text)):
            if name:
                self.rows.append(self.count)
                self.codes.append(self.listed.setdefault(name, len(self.listed)))

    def _value(self, cell: str, line: int) -> float:
        if self.wanted.kind == "labels":
            if cell.lower() not in _TRUTH:
                self.fault("neither 0 nor 1", line, cell)
            return _TRUTH.get(cell.lower(), 0.0)
        try:
            value = float(cell)
        except ValueError:
            value = float("nan")
        if not abs(value) <= _MOST:
            self.fault("no number", line, cell)
            return 0.0
        return value
