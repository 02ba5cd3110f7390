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
    by: tuple[str, ...] = ()
    """Columns of a table that tell the samples apart in other ways, such as where they come from."""

    def require(self, samples: Samples, reader: str) -> Samples:
        """The samples, where they are of this kind.

        Raises:
            DataError: they are of another one.
        """
        if samples.kind != self.kind:
            raise self.unmet(samples.kind, reader, str(samples.root))
        return samples

    def unmet(self, kind: Kind, reader: str, where: str) -> DataError:
        """The error about a reader that gives another kind."""
        told = "give a CSV with a path column and a label column, or name its columns with data.targets"
        return DataError(
            f"the {reader} reader gives {_WORDS[kind]}, and the {TASK_OF[self.kind]} task needs {_WORDS[self.kind]}",
            where=where,
            hint=f"set task.name={TASK_OF[kind]}" if self.kind == "class" else told,
        )


_WORDS: dict[Kind, str] = {"class": "one class an image", "labels": "labels", "numbers": "numbers"}
ONE_CLASS = Wanted()
"""One class an image, in the label column where there is a table."""
