"""Rules about the learning rate and about cutting gradients."""

import math

import numpy as np

from sightline.diagnosis.case import Case, Rule, found
from sightline.diagnosis.noise import CERTAIN, blocks, finite, mean_and_error
from sightline.diagnosis.remedies import rate_for
from sightline.findings import Finding

FAST_RATIO = 0.1
"""Change of a typical layer's weights in one step, as a share of their size, from which on they are thrown about: ten
such steps replace them. Healthy trainings stay between some thousandths and some hundredths after the first steps."""
GROWN = 5.0
"""Norm of a typical layer's weights over what it was at the first look. With normalization a rate that is too high
blows weights up until its steps are small beside them; healthy ones double at most while a network learns."""
UNSETTLED = 0.5
"""Share of the loss of guessing above which a training with such steps has got nowhere."""
WORSE = 1.2
"""Training loss over its best stretch from which on it has gone back, beside the noise of both."""
SLOW_MOVE = 0.3
"""By how much of their size weights would move over the whole run, at the rate seen, below which it is too slow for
random weights: what a layer has learnt is as large as what it began with, in a healthy training several times so."""
ASTRAY = 1.5
"""Share of the loss of guessing above which slowness is not what is wrong: what learnt nothing is not sure."""
LONG_WARMUP = 0.5
"""Share of the run that the rate may rise for; 5 % to 30 % are customary."""
FAR_CUT = 10.0
"""Norm of the gradient over the clip from which on the clip is what sets the step."""
MOSTLY = 0.9
"""Share of the steps in which that may not be."""
FIRST_LOOKS = 5
"""Steps before which the ratio says nothing: Adam's first steps have the full rate in every weight."""


def lr_high(case: Case) -> Finding | None:
    """Weights are replaced within some steps and the loss is high, or it rose again at the full rate."""
    chance, losses = case.chance_loss, case.history.steps.loss
    if not len(finite(losses)) or case.done < 20:
        return None
    ratio = typical_ratio(case)
    loss, error = mean_and_error(case.last_loss())
    means = blocks(losses, 20)
    best = float(means.min()) if len(means) else math.nan
    _, early = mean_and_error(losses[-len(losses) // 2 :])
    bound = UNSETTLED * chance if math.isfinite(chance) else 0.7 * float(means[0])
    grown = _growth(case)
    thrown = (ratio > FAST_RATIO or grown > GROWN) and loss > bound
    risen = WORSE * best + CERTAIN * max(error, early)
    back = loss > max(risen, bound) and _near_peak(case)
    if not (thrown or back):
        return None
    why = f"it rose from {best:.3f}"
    if thrown:
        blown = f"weights are {grown:.3g} times as large as at the beginning"
        why = f"weights change by {ratio:.0%} of their size in a step" if ratio > FAST_RATIO else blown
    return found(
        "lr_high", "error" if not loss < (chance if math.isfinite(chance) else float(means[0])) else "warning",
        f"training loss is {loss:.3f} after {case.done} steps and {why}, at a learning rate of "
        f"{case.facts.number('train.lr'):.3g}",
        "lower the learning rate",
        settings=rate_for(case.facts, _largest_ratio(case), least=0.01, most=0.3),
        evidence={"ratio": ratio, "grown": grown, "loss": loss, "best": best, "error": error},
        threshold={"ratio": FAST_RATIO, "grown": GROWN, "loss": bound if thrown else risen},
    )  # fmt: skip


def _growth(case: Case) -> float:
    """Median over the layers of the norm of the weights over that at the first look; 1: not looked at."""
    looks = case.history.looks
    if len(looks) < 2:
        return 1.0
    first = looks.figure("weight_norm")[0]
    growth = finite(looks.of_learning("weight_norm")[-1] / np.where(first > 0, first, np.nan))
    return float(np.median(growth)) if len(growth) else 1.0


def _largest_ratio(case: Case) -> float:
    """The largest of the looks' median changes in a step; NaN: not looked at."""
    rows = [finite(row) for row in case.history.looks.of_learning("update_ratio")]
    medians = [float(np.median(row)) for row in rows if len(row)]
    return max(medians, default=math.nan)


def _near_peak(case: Case) -> bool:
    rates = finite(case.history.steps.lr)
    return len(rates) > 0 and rates[-1] > 0.3 * rates.max()


def typical_ratio(case: Case) -> float:
    """Median over the layers of the last three looks of the change of their weights in a step; NaN: not looked at."""
    looks = case.history.looks
    late = looks.step >= FIRST_LOOKS
    rows = looks.of_learning("update_ratio")[late][-3:]
    values = finite(rows.ravel())
    return float(np.median(values)) if len(values) else math.nan


def lr_low(case: Case) -> Finding | None:
    """In the whole run random weights cannot move by a third of their size, and the loss is still high."""
    chance, facts = case.chance_loss, case.facts
    looks = case.history.looks
    if facts.pretrained or not case.warm or len(looks) < 2 or facts.steps <= 0 or not math.isfinite(chance):
        return None
    ratio = _ratio_at_peak(case)
    rates = case.history.steps.lr
    mean = float(np.nanmean(rates)) / max(float(np.nanmax(rates)), 1e-30)
    moved = ratio * mean * facts.steps
    loss, error = mean_and_error(case.last_loss())
    if not (moved < SLOW_MOVE and UNSETTLED * chance < loss < ASTRAY * chance):
        return None
    return found(
        "lr_low", "warning",
        f"weights change by {ratio:.2g} of their size in a step: over all {facts.steps} steps by {moved:.0%}, and "
        f"training loss is still {loss:.3f} (guessing: {chance:.3f})",
        "raise the learning rate, or train far longer",
        settings=rate_for(facts, ratio, least=3.0, most=1000.0),
        evidence={"ratio": ratio, "moved": moved, "loss": loss, "error": error},
        threshold={"moved": SLOW_MOVE, "loss": UNSETTLED * chance},
    )  # fmt: skip


def _ratio_at_peak(case: Case) -> float:
    """Median over layers and looks of the change in a step, as it would be at the highest rate so far."""
    looks, steps = case.history.looks, case.history.steps
    peak = float(np.nanmax(steps.lr))
    places = np.searchsorted(steps.step, looks.step)
    inside = places < len(steps)
    rates = steps.lr[places[inside]]
    rows = looks.of_learning("update_ratio")[inside]
    useful = rates > 0.1 * peak
    values = finite((rows[useful] * (peak / rates[useful])[:, None]).ravel())
    return float(np.median(values)) if len(values) else math.nan


def long_warmup(case: Case) -> Finding | None:
    """The learning rate rises for most of the run."""
    facts = case.facts
    length = facts.steps
    share = facts.warmup / max(1, length)
    if not len(case.history.steps) or share <= LONG_WARMUP or facts.setting("train.schedule.name") == "one_cycle":
        return None
    rates = finite(case.history.steps.lr)
    return found(
        "long_warmup", "warning",
        f"the warm-up takes {facts.warmup} of {length} steps ({share:.0%}); the learning rate so far was "
        f"{rates.mean():.2g} on average, of {facts.number('train.lr'):.2g}",
        "make the warm-up shorter, or the run longer",
        settings=("train.schedule.warmup=5%",),
        evidence={"share": share, "warmup": facts.warmup, "steps": length},
        threshold={"share": LONG_WARMUP},
    )  # fmt: skip


def always_clipped(case: Case) -> Finding | None:
    """The gradient is cut to a fraction in nearly every step, so that the clip and not the loss sets its length."""
    clip, norms = case.facts.number("train.clip"), finite(case.history.steps.grad_norm)
    if not math.isfinite(clip) or len(norms) < 20:
        return None
    far = float((norms > FAR_CUT * clip).mean())
    if far <= MOSTLY:
        return None
    typical = float(np.median(norms))
    return found(
        "always_clipped", "warning",
        f"{far:.0%} of the gradients were more than {FAR_CUT:g} times the clip ({clip:g}), typically {typical:.3g}",
        "clip at about the usual norm, so that only outliers are cut",
        settings=(f"train.clip={2 * typical:.2g}",),
        evidence={"share": far, "median": typical, "clip": clip},
        threshold={"share": MOSTLY},
    )  # fmt: skip


RATE: dict[str, Rule] = {
    "lr_high": lr_high,
    "lr_low": lr_low,
    "long_warmup": long_warmup,
    "always_clipped": always_clipped,
}
"""By the name that their findings carry."""
