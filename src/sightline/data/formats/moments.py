"""The time column of a table: numbers in every row, or ISO dates in every row."""

import datetime
import math
from array import array

import numpy as np
from numpy.typing import NDArray


class Moments:
    """The times read so far. What cannot be used is NaN: a table may have such a column for other purposes."""

    def __init__(self) -> None:
        self.values = array("d")
        self.kinds: set[str] = set()

    def add(self, text: str) -> None:
        """Append one."""
        value, kind = moment(text)
        if kind:
            self.kinds.add(kind)
        # A year is no second since 1970: after one kind the other is not comparable.
        self.values.append(value if len(self.kinds) < 2 else math.nan)

    def column(self) -> NDArray[np.float64]:
        """One number a row; nothing can be added after this."""
        return np.frombuffer(self.values, np.float64)


def moment(text: str) -> tuple[float, str]:
    """The value of a time and its kind: ``number``, ``date`` (seconds since 1970; UTC where no zone is given) or none.

    ``20260531`` is a number; it sorts as the date it may mean.
    """
    try:
        value = float(text)
        return (value, "number") if math.isfinite(value) else (math.nan, "")
    except ValueError:
        pass
    try:
        date = datetime.datetime.fromisoformat(text)
    except ValueError:
        return math.nan, ""
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return date.timestamp(), "date"
