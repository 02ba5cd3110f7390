"""Settings of the task."""

import dataclasses
from typing import Annotated

from annotated_types import Gt, Lt


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """What is learnt from an image."""

    name: str = "classification"
    """classification (one class an image), multilabel (any of several labels), regression (numbers), or your own
    "my_file:make_task"."""
    threshold: Annotated[float, Gt(0.0), Lt(1.0)] = 0.5
    """Probability from which on an image has a label, in multilabel."""
    units: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    """Units of the numbers of regression, such as {age: years}: they stand beside every number that people see."""
