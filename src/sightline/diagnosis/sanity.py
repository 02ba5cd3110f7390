"""What is wrong with a loss or a learning rate before a training begins: measured numbers to findings.

Each function judges one check. What is in order is a note, so that every check says what it saw.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from sightline.diagnosis.case import Facts, found
from sightline.diagnosis.remedies import usual_start
from sightline.findings import Finding, Severity

PAGE = "docs/sanity.md"
"""Where each check has a section of its own."""
LOUD = 2.0
"""Loss before the first step, over that of outputs that are all 0, from which on a network is sure of what it cannot
know. Random outputs of spread s cost about s^2 / 2 more in nats, and s^2 more of a squared error. Most constructors
stay below 1.8 times; timm's MobileNets and EfficientNets scale the head by its outputs and start at 2 to 12 times with
two classes, and at up to 900 times with one number."""
WILD = 1000.0
"""The same from which on it is an error. Below it training gets over it, at the price of its first steps."""
NEAR = 0.1
"""Share of the way from the loss of outputs that are all 0 down to the least one at which a batch counts as learnt."""
FLOOR = 0.4
"""Least loss that right outputs have, as a share of that of outputs that are all 0, from which on it may be the
loss that is wrong: a softmax taken twice leaves 0.45 of it with two classes and more with more."""
HALF = 0.5
"""Loss, as a share of that at the start, below which a batch is being learnt, only slowly."""
ENOUGH = 50
"""Steps without success after which it is the network that cannot, and not the time that was short."""


def check(
    name: str,
    severity: Severity,
    message: str,
    remedy: str = "",
    *,
    settings: tuple[str, ...] = (),
    evidence: Mapping[str, Any],
    threshold: Mapping[str, float],
) -> Finding:
    """What a check found; its rule is ``sanity.NAME``. A note has nothing to remedy."""
    return found(
        f"sanity.{name}", severity, message, remedy, settings=settings, evidence=evidence, threshold=threshold,
        page=f"{PAGE}#{name}",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """A network before its first step."""

    loss: float
    """Mean over a batch, as training sees it."""
    blind: float
    """The same of outputs that are all 0: ln C for the cross entropy, about 1 for standardized numbers. NaN: the
    network gives something else than one tensor."""
    chance: float
    """``Case.chance_loss``: of the best answer that does not look; NaN where the loss is no cross entropy."""
    images: int


def initial_loss(start: Start, facts: Facts) -> Finding:
    """The loss of a network that has seen nothing is that of guessing."""
    told = f"loss {start.loss:.3f} of {start.images} images before the first step"
    evidence = dataclasses.asdict(start)
    if not math.isfinite(start.loss):
        return check(
            "initial_loss", "error", f"{told} is no number", "look for a division, a root or a logarithm in the network"
            " and the loss; train in fp32", evidence=evidence, threshold={},
        )  # fmt: skip
    if not math.isfinite(start.blind):
        told += "; what it should be is not known of an own kind of output"
        return check("initial_loss", "note", told, evidence=evidence, threshold={})
    expected = max(start.blind, start.chance) if math.isfinite(start.chance) else start.blind
    told += f", outputs of 0 have {start.blind:.3f}"
    if math.isfinite(start.chance) and abs(start.chance - start.blind) > 0.01:
        told += f", the shares of the classes {start.chance:.3f}"
    bound = LOUD * expected
    threshold = {"loss": bound}
    if not start.loss > bound:
        return check("initial_loss", "note", f"{told}; at most {bound:.3f}", evidence=evidence, threshold=threshold)
    return check(
        "initial_loss", "error" if start.loss > WILD * expected else "warning",
        f"{told}: {start.loss / expected:.3g} times as much, at most {LOUD:g}",
        "start the last layer from smaller weights, normalize before it, and look at how images and targets are scaled",
        settings=usual_start(facts) or _scaled_by_inputs(facts), evidence=evidence, threshold=threshold,
    )  # fmt: skip


def _scaled_by_inputs(facts: Facts) -> tuple[str, ...]:
    """Starting weights that keep the size of what comes in, where all of them are random and none were asked for."""
    plain = facts.setting("model.init.name") in ("auto", "default") and not facts.pretrained
    return ("model.init.name=kaiming",) if plain else ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnLoss:
    """A loss of the user's own."""

    name: str
    broken: str
    """The clause of the contract that it breaks; empty: none."""
    blind: float
    """Loss of outputs that are all 0; NaN: not known."""
    least: float
    """Least loss of right outputs of any size; NaN: not known."""


def own_loss(loss: OwnLoss) -> Finding:
    """A loss keeps its contract, and is lower for right outputs than for none."""
    evidence, threshold = dataclasses.asdict(loss), {"least": FLOOR * loss.blind}
    if loss.broken:
        return check(
            "own_loss", "error", f"{loss.name}: {loss.broken}",
            "sightline.testing.check_loss says the same; mend the loss", evidence=evidence, threshold={},
        )  # fmt: skip
    told = f"{loss.name} keeps the contract, its gradient is that of its values (gradcheck in float64)"
    if not math.isfinite(loss.blind + loss.least):
        return check("own_loss", "note", told, evidence=evidence, threshold={})
    told += f"; right outputs have {loss.least:.3g}, outputs of 0 have {loss.blind:.3g}"
    if loss.least >= loss.blind:
        return check(
            "own_loss", "error", f"{told}: being right does not pay", "look at its sign and at what it takes",
            evidence=evidence, threshold={"least": loss.blind},
        )  # fmt: skip
    if loss.blind > 0 and loss.least > FLOOR * loss.blind:
        return check(
            "own_loss", "warning", f"{told}: no outputs get below {loss.least / loss.blind:.0%} of it, "
            f"at most {FLOOR:.0%}", "give it logits and let it take the softmax once; a strong smoothing looks alike",
            evidence=evidence, threshold=threshold,
        )  # fmt: skip
    return check("own_loss", "note", told, evidence=evidence, threshold=threshold)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt at learning a batch by heart."""

    steps: int
    lr: float
    first: float
    """Loss at its start."""
    last: float
    """At its end."""
    learnt: bool
    short: bool
    """Whether the time was up before the steps were."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learning:
    """A small batch learnt alone, without augmentation and regularization."""

    images: int
    bound: float
    """Loss at which it is learnt."""
    own: Attempt
    """With the optimizer and the peak rate of the settings."""
    plain: Attempt | None
    """With AdamW at a usual rate, where the own ones did not do it."""

    @property
    def learnt(self) -> bool:
        """Whether one of them did it."""
        return self.own.learnt or (self.plain is not None and self.plain.learnt)


def one_batch(learning: Learning, facts: Facts) -> Finding:
    """A network, a loss and a rate that cannot learn a handful of images cannot learn more."""
    own, plain = learning.own, learning.plain
    other = ("train.lr=auto",) if "train.lr" in facts.given else ()
    told = (
        f"{learning.images} images, loss {own.first:.3f} to {own.last:.3f} in {own.steps} step"
        f"{'s' if own.steps != 1 else ''} at lr {own.lr:.3g}; at most {learning.bound:.3f}"
    )
    evidence, threshold = _attempted(learning), {"own_last": learning.bound}

    def judged(severity: Severity, message: str, remedy: str = "", settings: tuple[str, ...] = ()) -> Finding:
        return check("one_batch", severity, message, remedy, settings=settings, evidence=evidence, threshold=threshold)

    if own.learnt:
        return judged("note", told)
    worse = not own.last < own.first
    if plain is None or not plain.learnt:
        end = min(own.last, plain.last) if plain is not None else own.last
        if end < HALF * own.first and (own.short or (plain is not None and plain.short)):
            return judged("note", f"{told}: still falling when the time was up")
        told += "" if plain is None else f"; with AdamW at {plain.lr:g} {plain.last:.3f} after {plain.steps}"
        tried = max(own.steps, 0 if plain is None else plain.steps)
        return judged(
            "error" if tried >= ENOUGH else "warning", f"{told}: not learnt by heart",
            "look at what the network does to its outputs (a softmax, a detach, a clamp), at what is frozen, and "
            "whether the loss takes what the network gives",
        )  # fmt: skip
    told += f"; AdamW at {plain.lr:g} learnt it in {plain.steps}"
    if worse:
        return judged(
            "error", f"{told}: the learning rate is too high", "lower it; sightline lr-find proposes one", other,
        )  # fmt: skip
    if own.last < HALF * own.first:
        return judged("note", f"{told}: learnt slowly")
    return judged(
        "warning", f"{told}: the learning rate is too low, or the optimizer does not fit",
        "raise it; sightline lr-find proposes one", other,
    )  # fmt: skip


def _attempted(learning: Learning) -> dict[str, Any]:
    """The numbers of both attempts in one table."""
    told: dict[str, Any] = {"images": learning.images}
    for name, attempt in (("own", learning.own), ("plain", learning.plain)):
        if attempt is not None:
            told |= {f"{name}_{key}": value for key, value in dataclasses.asdict(attempt).items()}
    return told
