"""What a rule of the diagnosis looks at."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sightline.diagnosis.history import Floats, History
from sightline.findings import Finding, Severity

PAGE = "docs/diagnosis.md"
"""Where each rule has a section of its own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a training beside its records: numbers and words. Lengths are in optimizer steps."""

    task: str = "classification"
    """classification, multilabel, regression or the user's own."""
    classes: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    """Training images of each class; empty for numbers."""
    images: Mapping[str, int] = dataclasses.field(default_factory=dict[str, int])
    """Images of each part."""
    copies: Mapping[str, int] = dataclasses.field(default_factory=dict[str, int])
    """Of the other parts, images that have the very bytes of one of the training part."""
    pretrained: bool = False
    """Whether it started from weights that had been trained."""
    steps: int = 0
    """Length of the whole run, as planned."""
    per_epoch: int = 1
    warmup: int = 0
    evaluate: int = 1
    """From one evaluation to the next."""
    patience: int | None = None
    frozen: int = 0
    """How long the settings keep a part of the network from learning."""
    world: int = 1
    """Processes that share a batch."""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Every setting by its dotted path, with what auto chose."""
    given: frozenset[str] = frozenset()
    """Settings that somebody gave."""
    ended: str = ""
    """finished, patience, a signal's name, or failed; empty while it goes on."""
    failure: str = ""
    """What ended it, where a number was none: with the layer, where it is known."""
    failure_step: int = 0
    """The step of it, counted from 1."""
    rollbacks: int = 0
    """How often it went back to a checkpoint because of such a number."""
    unused: tuple[str, ...] = ()
    """Parameters that shall learn and that no step gave a gradient."""
    fixed: tuple[str, ...] = ()
    """Parameters that ask for no gradient though no setting freezes them."""
    memory: int = 0
    """Bytes at the peak; 0: not known."""
    memory_limit: int = 0
    """Bytes that there are; 0: not known."""
    baseline: float | None = None
    """Figure of the task on the validation part that something simple reaches; ``None``: not known."""
    baseline_name: str = ""
    doubtful: int = 0
    """Labels of images that it did not learn from and that its stored predictions confidently disbelieve."""
    doubted: int = 0
    """How many labels were asked about."""

    def setting(self, key: str, default: Any = None) -> Any:
        """A setting by its dotted path."""
        return self.settings.get(key, default)

    def number(self, key: str) -> float:
        """A setting as a number; NaN where it is none."""
        value = self.settings.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A training as rules see it."""

    history: History
    facts: Facts

    @property
    def done(self) -> int:
        """Steps so far."""
        return int(self.history.steps.step[-1]) if len(self.history.steps) else 0

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.facts.ended != "" or (self.facts.steps > 0 and self.done >= self.facts.steps)

    @property
    def warm(self) -> bool:
        """Whether the warm-up is over and an epoch after it, so that the network may be expected to learn."""
        return self.done >= self.facts.warmup + min(self.facts.per_epoch, 50)

    @property
    def micro_batch(self) -> float:
        """Images that go through the network at a time."""
        batch, accumulate = self.facts.number("train.batch_size"), self.facts.number("train.accumulate")
        return batch / (max(1.0, accumulate) * self.facts.world) if math.isfinite(accumulate) else batch

    @property
    def chance_loss(self) -> float:
        """Loss of the best answer that does not look at the image; NaN where the loss is no cross entropy.

        With smoothed labels it is the entropy of the smoothed shares of the classes.
        """
        counts = np.asarray(self.facts.counts, np.float64)
        if self.facts.setting("train.loss.name") != "cross_entropy" or counts.sum() <= 0 or len(counts) < 2:
            return math.nan
        smoothing = self.facts.number("train.loss.label_smoothing")
        smoothing = smoothing if math.isfinite(smoothing) else 0.0
        shares = (1 - smoothing) * counts / counts.sum() + smoothing / len(counts)
        shares = shares[shares > 0]
        return float(-(shares * np.log(shares)).sum())

    def last_loss(self, epochs: float = 1.0) -> Floats:
        """Training losses of the last so many epochs, 10 steps at least."""
        return self.history.steps.loss[-max(10, round(epochs * self.facts.per_epoch)) :]

    def has(self, *columns: str) -> bool:
        """Whether the last evaluation told all of these."""
        evals = self.history.evals
        return len(evals) > 0 and all(math.isfinite(getattr(evals, name)[-1]) for name in columns)


Rule = Callable[[Case], Finding | None]
"""Looks at a case: what it found, or nothing. It changes nothing and gives the same for the same case."""


def found(
    rule: str,
    severity: Severity,
    message: str,
    remedy: str,
    *,
    settings: tuple[str, ...] = (),
    evidence: Mapping[str, Any],
    threshold: Mapping[str, float],
    page: str = "",
) -> Finding:
    """A finding of the diagnosis.

    Args:
        rule: its name, which is also that of its section of the page.
        severity: error: the result is worthless; warning: it could be better; note: good to know.
        message: one sentence with the numbers.
        remedy: what to change.
        settings: the same as ``key=value``.
        evidence: the numbers behind it.
        threshold: what they were held against.
        page: where the docs explain it; empty: the section of its name of the page on diagnosis.
    """
    return Finding(
        rule=rule, severity=severity, message=message, remedy=remedy, settings=settings, page=page or f"{PAGE}#{rule}",
        evidence={name: _short(value) for name, value in evidence.items()}, threshold=dict(threshold),
    )  # fmt: skip


def _short(value: Any) -> Any:
    """Numbers with as many digits as mean something, as JSON can hold them."""
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else str(value)
    return value
