"""What a task wants to learn from a data set."""

import dataclasses

from sightline.data.outputs import TASK_OF, Kind
from sightline.data.samples import Samples
from sightline.errors import DataError


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a reader is asked for."""

    kind: Kind = "class"
    """The ``class`` of each image, which ``labels`` it has, or ``numbers``."""
    columns: tuple[str, ...] = ()
    """Columns of a table that hold labels or numbers; empty: its label column."""

    def require(self, samples: Samples, reader: str) -> Samples:
        """The samples, where they are of this kind.

        Raises:
            DataError: they are of another one.
        """
        if samples.kind == self.kind:
            return samples
        words = {"class": "one class an image", "labels": "labels", "numbers": "numbers"}
        told = "give a CSV with the images' paths and a label column, or name its columns with data.targets"
        raise DataError(
            f"the {reader} reader gives {words[samples.kind]}, and the {TASK_OF[self.kind]} task needs "
            f"{words[self.kind]}",
            where=str(samples.root), hint=f"set task.name={TASK_OF[samples.kind]}"
            if self.kind == "class" else told,
        )  # fmt: skip


ONE_CLASS = Wanted()
"""One class an image, in the label column where there is a table."""
