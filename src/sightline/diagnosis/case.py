"""What a rule of the diagnosis looks at."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sightline.diagnosis.history import Floats, History
from sightline.diagnosis.noise import CERTAIN, interval, share_error
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
    seen: tuple[float, ...] | None = None
    """How much the training sees of each class: as often as it is drawn, times its weight in the loss; ``None``: as in
    ``counts``; empty: not known."""
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
    cores: int = 0
    """That a process may use; 0: not known."""
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


class Standing(NamedTuple):
    """Validation answers beside an answer that is always the same."""

    figure: str
    """accuracy, or mean recall."""
    value: float
    low: float
    """What it is for certain."""
    guess: float
    """What always the same answer reaches."""


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
        """Whether the warm-up is over and an epoch after it, so that the network may be expected to learn.

        Where epochs are long, a twentieth of the run.
        """
        facts = self.facts
        begin = 0 if facts.setting("train.freezing.lr_while") is None else facts.frozen  # the schedule follows on that
        return self.done >= begin + facts.warmup + min(facts.per_epoch, max(50, facts.steps // 20))

    @property
    def micro_batch(self) -> float:
        """Images that go through the network at a time."""
        batch, accumulate = self.facts.number("train.batch_size"), self.facts.number("train.accumulate")
        return batch / (max(1.0, accumulate) * self.facts.world) if math.isfinite(accumulate) else batch

    @property
    def seen(self) -> Floats:
        """Shares with which the training sees the classes, drawn and weighed; empty: not known."""
        mass = np.asarray(self.facts.counts if self.facts.seen is None else self.facts.seen, np.float64)
        return mass / mass.sum() if mass.sum() > 0 else mass[:0]

    @property
    def weighed(self) -> bool:
        """Whether the training sees the classes in other shares than those of their images."""
        counts = np.asarray(self.facts.counts, np.float64)
        told = self.facts.seen is not None and counts.sum() > 0
        return told and not (len(self.seen) == len(counts) and np.allclose(self.seen, counts / counts.sum()))

    @property
    def chance_loss(self) -> float:
        """Loss of the best answer that does not look at the image; NaN where the loss is no cross entropy of labels.

        With smoothed labels it is the entropy of the smoothed shares in which the training sees the classes.
        """
        seen, facts = self.seen, self.facts
        if facts.setting("train.loss.name") != "cross_entropy" or facts.setting("train.distill.teacher"):
            return math.nan
        if len(seen) < 2:
            return math.nan
        smoothing = facts.number("train.loss.label_smoothing")
        smoothing = smoothing if math.isfinite(smoothing) else 0.0
        shares = (1 - smoothing) * seen + smoothing / len(seen)
        shares = shares[shares > 0]
        return float(-(shares * np.log(shares)).sum())

    def standing(self, place: int = -1) -> Standing:
        """How an evaluation stands to an answer that is always the same.

        By accuracy; where the training weighs the classes, by the mean of their recalls, as it gives accuracy away.
        """
        evals = self.history.evals
        if self._by_recall:
            true = evals.true[place]
            recalls = evals.hits[place][true > 0] / true[true > 0]
            errors = [share_error(share, n) for share, n in zip(recalls, true[true > 0], strict=True)]
            value, error = float(recalls.mean()), math.hypot(*errors) / len(recalls)
            return Standing("mean recall", value, value - CERTAIN * error, 1 / len(recalls))
        value, true = float(evals.score[place]), evals.true[place]
        count = max(1.0, float(true.sum()))
        return Standing("accuracy", value, interval(value * count, count)[0], float(true.max()) / count)

    def best_place(self) -> int:
        """The evaluation that stands best."""
        evals = self.history.evals
        values = np.mean(evals.hits / np.maximum(evals.true, 1.0), axis=1) if self._by_recall else evals.score
        return int(np.nan_to_num(values, nan=-math.inf).argmax())

    @property
    def _by_recall(self) -> bool:
        evals = self.history.evals
        told = evals.hits.size > 0 and bool(np.isfinite(evals.hits).all())
        return self.weighed and told and bool((evals.true.sum(axis=1) > 0).all())

    def last_loss(self, epochs: float = 1.0) -> Floats:
        """Training losses of the last so many epochs, 10 steps at least, and of no more than the later half."""
        return self.history.steps.loss[-max(10, min(round(epochs * self.facts.per_epoch), self.done // 2)) :]

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
