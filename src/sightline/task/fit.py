"""Whether a task, with its loss, can do what the settings ask of it: found out before the first step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sightline.errors import PlugError
from sightline.task.task import Task

_ROWS = 6


def refuse_unfit(task: Task, *, classes: int, loss: str, mixed: bool, weighted: bool) -> None:
    """Try the task on logits of its own making, with mixed targets and with weights where those will come.

    Args:
        task: built in, or the user's own with the user's own loss.
        classes: width of the logits.
        loss: name of the loss, for the message.
        mixed: whether targets will be shares ``[n, classes]``.
        weighted: whether samples will have weights.

    Raises:
        PlugError: shares that are all on one class do not give what that class gives, or a weight does not act.
    """
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(_ROWS, classes, generator=random)
    targets = torch.arange(_ROWS) % classes
    if task.kind != "class":
        targets = (torch.rand(_ROWS, classes, generator=random) > 0.5).float()

    def total(labels: torch.Tensor, **more: Any) -> torch.Tensor:
        return task.outcome(nn.Identity(), logits, labels, **more).loss.detach()

    try:
        plain = total(targets)
    except Exception:  # noqa: BLE001 - a task that needs a real network can be tried in training only
        return
    if mixed and task.kind == "class":  # others are mixed into numbers of the same form
        shares = nn.functional.one_hot(targets, classes).float()
        fault = _fault(lambda: total(shares), plain)
        if fault:
            raise PlugError(
                f"'{loss}' cannot learn from mixed images: it takes the number of a class and not shares of classes",
                where="train.loss.name, task.name", got=fault,
                hint="let it take targets [n, classes] too (sightline.testing.check_loss tests it), "
                "or leave out data.mixup and data.cutmix",
            )  # fmt: skip
    if weighted:
        fault = _fault(lambda: total(targets, weights=torch.full((_ROWS,), 2.0)), 2 * plain)
        if fault:
            raise PlugError(
                "the task does not weigh its samples, and the data has weights",
                where="task.name", got=fault,
                hint="let its outcome take weights [n], or remove the weight column",
            )  # fmt: skip


def _fault(call: Callable[[], torch.Tensor], expected: torch.Tensor) -> str:
    """What is wrong with the value, or nothing."""
    try:
        value = call()
    except Exception as error:  # noqa: BLE001 - a user's part may fail in any way
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
    if value.shape != expected.shape or not torch.allclose(value, expected, rtol=1e-4, atol=1e-5):
        return f"a loss of {value.tolist():.6g} in place of {expected.tolist():.6g}"
    return ""
