"""What a model's outputs mean: one class an image, any of several labels, or numbers. Needs no torch."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightline.errors import DataError

Kind = Literal["class", "labels", "numbers"]
"""class: one class an image; labels: any of several labels; numbers: one or several numbers."""
KINDS: tuple[Kind, ...] = ("class", "labels", "numbers")
TASK_OF: dict[Kind, str] = {"class": "classification", "labels": "multilabel", "numbers": "regression"}
"""The built-in task of each kind."""
SEPARATORS = "|;"
"""What may stand between the labels of one image in a table."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outputs:
    """How labels and numbers are read from a model's outputs; one class an image needs nothing of this."""

    kind: Kind
    """``labels`` or ``numbers``."""
    threshold: float = 0.5
    """Of labels: the probability from which on an image has one."""
    mean: tuple[float, ...] = ()
    """Of numbers: mean of each over the training part, in its unit. A model gives standard deviations from it."""
    std: tuple[float, ...] = ()
    """Of numbers: standard deviation of each over the training part, in its unit."""
    units: tuple[str, ...] = ()
    """Of numbers: unit of each, for people; empty where none was told."""

    @property
    def least_logit(self) -> float:
        """Logit from which on an image has a label: that of the threshold, as float32 knows it."""
        return float(np.float32(math.log(self.threshold) - math.log1p(-self.threshold)))

    def values(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Numbers in their units, float32 ``[n, targets]``, of a model's outputs ``[n, targets]``."""
        return outputs * np.asarray(self.std, np.float32) + np.asarray(self.mean, np.float32)

    def in_order(self, places: Sequence[int]) -> "Outputs":
        """The same for outputs in another order: output ``i`` is the one that was at ``places[i]``."""
        mean, std, units = (
            tuple(own[place] for place in places) if own else () for own in (self.mean, self.std, self.units)
        )
        return dataclasses.replace(self, mean=mean, std=std, units=units)

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary of what belongs to the kind."""
        if self.kind == "labels":
            return {"kind": self.kind, "threshold": float(self.threshold)}
        numbers = {"mean": [float(value) for value in self.mean], "std": [float(value) for value in self.std]}
        return {"kind": self.kind, **numbers, "units": list(self.units)}

    @classmethod
    def from_dict(cls, document: Any) -> "Outputs":
        """What ``as_dict`` described.

        Raises:
            DataError: it is no such dictionary.
        """
        wanted = {"labels": {"kind", "threshold"}, "numbers": {"kind", "mean", "std", "units"}}
        values: dict[str, Any] = dict(document) if isinstance(document, dict) else {}
        kind = values.get("kind")
        lists = [key for key in ("mean", "std", "units") if key in values]
        known = isinstance(kind, str) and set(values) == wanted.get(kind)
        if not known or not all(isinstance(values[key], list) for key in lists):
            raise DataError("not a preprocessing contract", got=f"outputs {document!r}")
        columns: dict[str, Any] = {key: tuple(values[key]) for key in lists}
        return cls(**(values | columns))

    def faults(self, count: int) -> list[str]:
        """What no code could honour, for so many outputs."""
        threshold: Any = self.threshold
        if self.kind == "labels":
            sound = isinstance(threshold, int | float) and 0 < threshold < 1
            return [] if sound else [f"a threshold of {threshold!r}"]
        scales: list[Any] = [*self.mean, *self.std]
        units: list[Any] = [*self.units]
        if not len(self.mean) == len(self.std) == count or len(self.units) not in (0, count):
            return [f"one mean, std and unit for each of {count} numbers are needed"]
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in scales):
            return ["mean and std of the numbers are not all finite"]
        if not all(isinstance(unit, str) for unit in units):
            return ["units are not all texts"]
        return [] if min(self.std) > 0 else [f"std of the numbers must be above zero, not {list(self.std)}"]


def joined(names: Sequence[str]) -> str:
    """Several labels as one text, as tables hold them."""
    return "|".join(names)
