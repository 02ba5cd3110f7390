"""Records: what happened at a step. The training loop yields them, sinks consume them."""

import dataclasses
import math
from typing import Any, Literal

Kind = Literal["step", "look", "eval", "save", "note"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One event of a training.

    Values may still be tensors on the device: ``plain()`` reads them, which waits for the device, so
    a sink calls it only when it is about to show or write them.
    """

    kind: Kind
    """``step``: after an optimizer step; ``look``: at the layers, after some steps; ``eval``: after an evaluation;
    ``save``: before a checkpoint; ``note``."""
    step: int
    """Optimizer steps done so far."""
    epoch: float
    """Passes over the training part done so far, with the fraction of the current one."""
    values: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Named numbers, lists of them, or words."""
    arrays: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Named tensors for those that can show them, such as samples of activations; no part of ``plain()``."""

    def plain(self) -> dict[str, Any]:
        """A flat JSON-ready dictionary: ``kind``, ``step``, ``epoch`` and every value as Python numbers.

        A tensor of several elements becomes a list, with six significant digits and ``None`` in the place of what is
        not finite.
        """
        read = {key: _read(value) for key, value in self.values.items()}
        return {"kind": self.kind, "step": self.step, "epoch": round(self.epoch, 6), **read}


def _read(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_entry(item) for item in value]
    if hasattr(value, "numel") and value.numel() != 1:
        return [_entry(item) for item in value.tolist()]
    return value.item() if hasattr(value, "item") else value


def _entry(item: Any) -> Any:
    """An entry of a list as JSON can hold it: there, numbers that are none are nothing."""
    if isinstance(item, list | tuple):
        return [_entry(one) for one in item]
    if isinstance(item, float):
        return float(f"{item:.6g}") if math.isfinite(item) else None
    return item
