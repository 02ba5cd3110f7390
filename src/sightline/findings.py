"""A finding: something a stage noticed, with the evidence and the remedy."""

import dataclasses
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
_WHERE_TOLD = ("threshold", "settings", "page")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing a rule noticed. Equal findings mean the same fault in the same place."""

    rule: str
    """Name of the rule, such as ``files.truncated``."""
    severity: Severity
    """``error`` stops the stage that found it; ``warning`` and ``note`` do not. Of a training that is over, an error
    is what makes its result worthless."""
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
    threshold: dict[str, float] = dataclasses.field(default_factory=dict[str, float])
    """What numbers of the evidence were held against, under the same names."""
    settings: tuple[str, ...] = ()
    """The remedy as settings, ``key=value`` each, as given to ``-s``; empty where it is none of settings."""
    page: str = ""
    """Where the docs explain it, such as ``docs/diagnosis.md#overfitting``."""

    def quarantined(self) -> tuple[str, ...]:
        """The files that a training should do without."""
        if self.leave_out is not None:
            return self.leave_out
        return () if self.severity == "note" else self.paths

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; threshold, settings and page only where there are some."""
        own = dataclasses.asdict(self) | {"paths": list(self.paths), "leave_out": list(self.quarantined())}
        own["settings"] = list(self.settings)
        return {name: value for name, value in own.items() if value or name not in _WHERE_TOLD}
