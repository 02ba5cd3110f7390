"""Tasks by their names, and what kind of targets each needs."""

from collections.abc import Callable
from typing import Any

from sightline import plug
from sightline.data.contract import Contract
from sightline.data.outputs import KINDS, Kind
from sightline.errors import PlugError
from sightline.task.classification import Classification
from sightline.task.multilabel import Multilabel
from sightline.task.regression import Regression
from sightline.task.task import LossFunction, Task

TASKS: dict[str, Callable[[Contract, LossFunction], Task]] = {
    "classification": Classification,
    "multilabel": Multilabel,
    "regression": Regression,
}
"""Built-in tasks."""


def task_of(name: str) -> Callable[[Contract, LossFunction], Task]:
    """What makes the task that the settings name.

    Raises:
        PlugError: unknown name.
    """
    return plug.resolve("task", name, TASKS, "task.name")


def kind_of(name: str) -> Kind:
    """What the task of this name is about; a function of the user's says so by an attribute ``kind``.

    Raises:
        PlugError: unknown name, or a kind that there is not.
    """
    kind: Any = getattr(task_of(name), "kind", "class")
    if kind not in KINDS:
        raise PlugError(
            f"'{name}' is about nothing that is known", where="task.name", got=f"kind {kind!r}", allowed=KINDS
        )
    return kind
