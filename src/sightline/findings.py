"""A finding: something a stage noticed, with the evidence and the remedy."""

import dataclasses
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing a rule noticed. Equal findings mean the same fault in the same place."""

    rule: str
    """Name of the rule, such as ``files.truncated``."""
    severity: Severity
    """``error`` stops the stage that found it; ``warning`` and ``note`` do not."""
    message: str
    """What is wrong, in one sentence with the numbers."""
    remedy: str
    """What to do about it."""
    paths: tuple[str, ...] = ()
    """The files concerned, relative to the data folder."""
    leave_out: tuple[str, ...] | None = None
    """Of these files, those that a training should do without; none given: all of them, unless it is only a note."""
    evidence: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """The numbers behind the message, for programs."""

    def quarantined(self) -> tuple[str, ...]:
        """The files that a training should do without."""
        if self.leave_out is not None:
            return self.leave_out
        return () if self.severity == "note" else self.paths

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary with every field."""
        return dataclasses.asdict(self) | {"paths": list(self.paths), "leave_out": list(self.quarantined())}
