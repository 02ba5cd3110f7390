"""Rules about how well the network fits: too well, too little, not at all, no more."""

import math

import numpy as np

from sightline.diagnosis.case import Case, Rule, found
from sightline.diagnosis.noise import CERTAIN, interval, mean_and_error, share_error, smoothed, trend
from sightline.diagnosis.remedies import (
    larger_network,
    less_regularized,
    longer,
    more_images,
    patience,
    stronger_augmentation,
)
from sightline.findings import Finding

RISEN = 0.1
"""Rise of the validation loss over its minimum, as a share of it, that is worth a word: a tenth is more than what the
last epochs of a healthy cosine move, and little beside what memorizing does (it doubles and more)."""
RISEN_ERRORS = 0.5
"""The same in standard errors of the loss. Half of one: the same images are measured each time, and between late
evaluations their losses hang together by 0.9 and more, so that a difference has half the error of either loss."""
STOP_ERRORS = 2.0
"""Standard errors of the validation loss within which an early stop has seen nothing become worse."""
GAP = 0.3
"""Share of the validation loss that is missing on the training images: the rest of the rise may be the data's."""
FEW = 5
"""Evaluations that a rise, a plateau or a patience needs at least, to be told from one unlucky one."""
UNFIT = 0.85
"""Accuracy on images it learnt from, below which a network has not learnt them. Those that do reach 0.95 and more
when nothing holds them back; labels that are wrong cost as much as their share."""
SMALL_GAP = 0.05
"""Accuracy between training and validation images below which fitting better is what helps first."""
CHANCE = 0.97
"""Share of the loss of guessing that a network which learns gets below within an epoch after the warm-up."""
FLAT = 0.02
"""Change of a loss over the last third of a run, as a share of it, which nobody would wait for."""
STILL_FAST = 0.5
"""Learning rate of the last third, as a share of the peak, that could still be lowered."""


def overfitting(case: Case) -> Finding | None:
    """The validation loss rises from its minimum while images that were learnt are known far better."""
    evals = case.history.evals
    if len(evals) < FEW or not case.has("seen_loss", "seen_n"):
        return None
    curve = smoothed(evals.loss)
    now, least = float(curve[-1]), float(curve.min())
    count = case.facts.images.get("val", 0) or float(np.nansum(evals.true[-1:]))
    error = float(evals.loss_sd[-1]) / math.sqrt(max(1.0, count))
    seen = float(evals.seen_loss[-1])
    error = error if math.isfinite(error) else 0.0
    risen, gap = now - least, now - seen
    least_at = int(curve.argmin()) + len(evals) - len(curve)  # the last of those that the median is of
    rises, noise = trend(evals.loss[least_at:])
    if not (risen > max(RISEN * least, RISEN_ERRORS * error) and gap > max(GAP * now, CERTAIN * error)):
        return None
    if not rises > CERTAIN * noise:
        return None
    facts, best = case.facts, int(evals.step[least_at])
    settings = (*more_images(facts), *stronger_augmentation(facts), *_stop_earlier(case))
    return found(
        "overfitting", "warning",
        f"validation loss rose from {least:.3f} (step {best}) to {now:.3f} ({risen / least:+.0%}), while that of "
        f"training images is {seen:.3f}",
        "use more images or stronger augmentation, and stop when validation gets no better",
        settings=settings,
        evidence={"risen": risen, "least": least, "now": now, "seen": seen, "gap": gap, "error": error, "best": best},
        threshold={"risen": max(RISEN * least, RISEN_ERRORS * error), "gap": max(GAP * now, CERTAIN * error)},
    )  # fmt: skip


def _stop_earlier(case: Case) -> tuple[str, ...]:
    return (patience(case.facts, FEW),) if case.facts.patience is None else ()


def underfitting(case: Case) -> Finding | None:
    """At the end many images that were learnt from are still wrong, and validation is no worse."""
    evals = case.history.evals
    if not case.over or case.history.figure != "accuracy" or not case.has("seen_score", "seen_n", "score"):
        return None
    seen, count = float(evals.seen_score[-1]), float(evals.seen_n[-1])
    high = interval(seen * count, count)[1]
    error = math.hypot(share_error(seen, count), share_error(float(evals.score[-1]), _validated(case)))
    gap = seen - float(evals.score[-1])
    if high >= UNFIT or gap > max(SMALL_GAP, CERTAIN * error):
        return None
    facts = case.facts
    held = less_regularized(facts)
    settings = held or (*larger_network(facts), *longer(facts))
    return found(
        "underfitting", "warning",
        f"{1 - seen:.0%} of the images it learnt from are wrong at the end (at least {1 - high:.0%}), and validation "
        f"is no worse ({1 - seen + gap:.0%})",
        "regularize less" if held else "use a larger network, train longer, or show the images larger",
        settings=settings,
        evidence={"seen": seen, "high": high, "gap": gap, "images": count},
        threshold={"high": UNFIT, "gap": max(SMALL_GAP, CERTAIN * error)},
    )  # fmt: skip


def _validated(case: Case) -> float:
    true = case.history.evals.true
    return float(np.nansum(true[-1])) if true.size else float(case.facts.images.get("val", 0))


def not_learning(case: Case) -> Finding | None:
    """The training loss stays at that of guessing, and validation answers are no better than the largest class."""
    chance, losses, evals = case.chance_loss, case.last_loss(), case.history.evals
    if not case.warm or not math.isfinite(chance) or len(evals) < 2 or not evals.true.size:
        return None
    loss, error = mean_and_error(losses)
    standing = case.standing()
    if not loss > CHANCE * chance or standing.low > standing.guess:
        return None
    return found(
        "not_learning", "error",
        f"training loss {loss:.3f} is still that of guessing ({chance:.3f}) after {case.done} steps; validation "
        f"{standing.figure} {standing.value:.3f}, always the same answer has {standing.guess:.3f}",
        "look at the labels and the augmentation with sightline check and sightline augment; let sightline lr-find "
        "choose the learning rate",
        settings=("train.lr=auto",) if "train.lr" in case.facts.given else (),
        evidence={"loss": loss, "error": error, "chance": chance, standing.figure: standing.value, "low": standing.low},
        threshold={"loss": CHANCE * chance, "low": standing.guess},
    )  # fmt: skip


def plateau(case: Case) -> Finding | None:
    """The last third brought nothing while the learning rate stayed high: it could be lowered."""
    steps, evals, third = case.history.steps, case.history.evals, 2 * case.done // 3
    late = steps.step > third
    if not case.over or len(evals) < 2 * FEW or case.done < 60 or not case.warm:
        return None
    peak, rate = float(np.nanmax(steps.lr)), float(np.nanmean(steps.lr[late]))
    loss = float(np.nanmean(steps.loss[late]))
    change, error = trend(steps.loss[late])
    judged, judged_error = trend(evals.loss[evals.step > third])
    moves = abs(change) > max(FLAT * loss, 2 * error) or judged < -max(FLAT * evals.loss[-1], 2 * judged_error)
    floor = _least_loss(case)
    if moves or rate < STILL_FAST * peak or not loss > floor + 0.1 or _not_begun(case):
        return None
    return found(
        "plateau", "warning",
        f"over the last third the training loss moved by {change:+.3f} (± {error:.3f}) from {loss:.3f}, at "
        f"{rate / peak:.0%} of the peak learning rate",
        "let the learning rate fall towards the end of the run",
        settings=("train.schedule.name=cosine",) if case.facts.setting("train.schedule.name") != "cosine" else (),
        evidence={"change": change, "error": error, "loss": loss, "rate": rate / peak},
        threshold={"change": max(FLAT * loss, 2 * error), "rate": STILL_FAST},
    )  # fmt: skip


def _least_loss(case: Case) -> float:
    """Loss of perfect answers: the entropy of a smoothed target."""
    smoothing, classes = case.facts.number("train.loss.label_smoothing"), len(case.facts.classes)
    if not smoothing > 0 or classes < 2 or case.facts.setting("train.loss.name") != "cross_entropy":
        return 0.0
    other = smoothing / classes
    return -(1 - smoothing + other) * math.log(1 - smoothing + other) - (classes - 1) * other * math.log(other)


def _not_begun(case: Case) -> bool:
    chance = case.chance_loss
    return math.isfinite(chance) and float(np.nanmean(case.last_loss())) > CHANCE * chance


def eager_stop(case: Case) -> Finding | None:
    """Early stopping waited for a few evaluations only, and nothing had become worse by then."""
    facts, evals = case.facts, case.history.evals
    if facts.ended != "patience" or facts.patience is None or not len(evals):
        return None
    waited = facts.patience / max(1, facts.evaluate)
    count = max(1.0, facts.images.get("val", 0))
    error = float(evals.loss_sd[-1]) / math.sqrt(count) if case.has("loss_sd") else 0.1 * float(evals.loss[-1])
    worse = float(evals.loss[-1] - np.nanmin(evals.loss))
    share = case.done / max(1, facts.steps)
    falls, fall_error = trend(case.history.steps.loss[-max(20, case.done // 2) :])
    if waited >= FEW or worse > STOP_ERRORS * error or share > STILL_FAST or falls > -2 * fall_error:
        return None
    return found(
        "eager_stop", "warning",
        f"stopped at {share:.0%} of the run after waiting for {waited:.3g} evaluations, with a validation loss "
        f"{worse:.3f} above its best (noise {error:.3f}) and a training loss that still fell",
        "wait longer, or until the end: the best checkpoint is kept anyway",
        settings=(patience(facts, 2 * FEW),),
        evidence={"waited": waited, "worse": worse, "error": error, "share": share, "falls": falls},
        threshold={"waited": FEW, "worse": STOP_ERRORS * error, "share": STILL_FAST},
    )  # fmt: skip


FIT: dict[str, Rule] = {
    "overfitting": overfitting,
    "underfitting": underfitting,
    "not_learning": not_learning,
    "plateau": plateau,
    "eager_stop": eager_stop,
}
"""By the name that their findings carry."""
