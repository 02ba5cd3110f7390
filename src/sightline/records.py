"""Records: what happened at a step. The training loop yields them, sinks consume them."""

import dataclasses
from typing import Any, Literal

Kind = Literal["step", "eval", "save", "note"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One event of a training.

    Values may still be tensors on the device: ``plain()`` reads them, which waits for the device, so
    a sink calls it only when it is about to show or write them.
    """

    kind: Kind
    """``step``: after an optimizer step; ``eval``: after an evaluation; ``save``: before a checkpoint; ``note``."""
    step: int
    """Optimizer steps done so far."""
    epoch: float
    """Passes over the training part done so far, with the fraction of the current one."""
    values: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Named numbers (or words, in a note)."""

    def plain(self) -> dict[str, Any]:
        """A flat JSON-ready dictionary: ``kind``, ``step``, ``epoch`` and every value as a Python number."""
        read = {key: value.item() if hasattr(value, "item") else value for key, value in self.values.items()}
        return {"kind": self.kind, "step": self.step, "epoch": round(self.epoch, 6), **read}
