"""Every error that Sightline raises on purpose.

The tree, each class with when it is raised::

    SightlineError            anything a user can mend; the command line prints it without a traceback
    ├── ConfigError           a setting is unknown, of the wrong type, out of range, or has no effect here
    ├── PlugError             a component named by the user cannot be found or does not honour its contract
    ├── MissingExtra          an optional library is not installed
    ├── DataError             the data set as a whole cannot be used
    │   ├── ImageError        one image file cannot be decoded
    │   ├── SplitError        the parts cannot be made, or do not agree
    │   └── ChangedDataError  files are no longer those that the run was trained on
    ├── ModelError            the model cannot be built for this task
    │   └── WeightsError      a weights file cannot be loaded, or does not fit
    ├── RunError              a run folder is missing, incomplete or in use
    │   └── CheckpointError   a checkpoint is damaged, does not fit, or cannot be written
    ├── TrainingError         training cannot go on
    │   ├── NonFiniteError    the loss became NaN or infinite
    │   ├── OutOfMemoryError  a step does not fit into memory, and cannot be divided further
    │   └── RankError         another process of the training ended, or does not answer
    └── ExportError           an artefact cannot be made
        ├── GateError         the artefact does not equal the model it was made from
        └── BundleError       a bundle is incomplete or does not match its checksums

Each error says what is wrong, where, what was got, what is allowed and what to do next.
"""

import difflib
from collections.abc import Iterable, Sequence


class SightlineError(Exception):
    """A fault that the user can mend.

    Args:
        what: the fault in one line.
        where: the file, setting or stage it is in.
        got: the value that was found.
        allowed: the values that would be accepted.
        hint: the next step.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        got: object = None,
        allowed: Iterable[object] = (),
        hint: str = "",
    ):
        self.what, self.where, self.got, self.hint = what, where, got, hint
        self.allowed = [str(value) for value in allowed]
        super().__init__(self.render())

    def render(self) -> str:
        """The message as the command line prints it: one line of fault, then indented details."""
        lines = [self.what + (f" ({self.where})" if self.where else "")]
        if self.got is not None:
            lines.append(f"  got: {self.got}")
        if self.allowed:
            lines.append(f"  allowed: {', '.join(self.allowed)}")
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return "\n".join(lines)


class ConfigError(SightlineError):
    """A setting is unknown, of the wrong type, out of range, or has no effect here."""

    exit_code = 2


class PlugError(SightlineError):
    """A component named by the user cannot be found or does not honour its contract."""

    exit_code = 2


class MissingExtra(SightlineError):
    """An optional library is not installed."""


class DataError(SightlineError):
    """The data set as a whole cannot be used."""


class ImageError(DataError):
    """One image file cannot be decoded."""

    kind = "damaged"
    """What is the matter with it, in a word: empty, unknown, truncated, large, range, or damaged in some other way."""


class SplitError(DataError):
    """The parts cannot be made, or do not agree."""


class ChangedDataError(DataError):
    """Files are no longer those that the run was trained on."""


class ModelError(SightlineError):
    """The model cannot be built for this task."""


class WeightsError(ModelError):
    """A weights file cannot be loaded, or does not fit."""


class RunError(SightlineError):
    """A run folder is missing, incomplete or in use."""


class CheckpointError(RunError):
    """A checkpoint is damaged, does not fit its network, or cannot be written."""


class TrainingError(SightlineError):
    """Training cannot go on."""


class NonFiniteError(TrainingError):
    """The loss became NaN or infinite."""

    step = 0
    """The optimizer step it was found at, counted from 1."""
    late = False
    """Whether the weights had turned before that step."""


class RankError(TrainingError):
    """Another process of the training ended, or does not answer."""


class OutOfMemoryError(TrainingError):
    """A step does not fit into memory, and cannot be divided further."""


class ExportError(SightlineError):
    """An artefact cannot be made."""


class GateError(ExportError):
    """The artefact does not equal the model it was made from."""


class BundleError(ExportError):
    """A bundle is incomplete or does not match its checksums."""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``"did you mean 'epochs'?"`` for a misspelt word, or an empty string when nothing is near."""
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if not near:
        return ""
    return "did you mean " + " or ".join(repr(name) for name in near) + "?"


def shortened(items: Sequence[object], most: int = 5) -> str:
    """A list for a message: the first few, then how many more there are."""
    shown = ", ".join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
