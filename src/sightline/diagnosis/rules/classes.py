"""Rules about single classes: forgotten ones, rare ones, one that swallows the others."""

import numpy as np

from sightline.diagnosis.case import Case, Rule, found
from sightline.diagnosis.history import Floats
from sightline.diagnosis.noise import interval
from sightline.errors import shortened
from sightline.findings import Finding

COLLAPSED = 0.9
"""Share of the answers that are one class, from which on there is no other to speak of."""
EXCESS = 0.3
"""By how much that share is above the class' own: of a class that is most of the data, most answers are right."""
ENOUGH = 5
"""Validation images of a class, of which none at all was answered: with fewer it may be chance."""
AGREE = 2
"""Evaluations in a row that must agree."""
RARE = 3.0
"""The largest class over a rare one."""
LESS = 0.1
"""Recall that rare classes must fall short by, beside the noise of both, to be worth weighing them."""
UNCERTAIN = 2.0
"""Standard errors of each recall: the two intervals must not touch, which is stricter than a test of their difference
at three."""
HALFWAY = 0.5
"""Share of the run from which on a class that is not recognized is more than one that comes later: common and easy
classes are learnt first in any training."""


def collapse(case: Case) -> Finding | None:
    """Nearly all answers are one class."""
    evals = case.history.evals
    if not case.warm or len(evals) < AGREE or not evals.predicted.size:
        return None
    shares = _shares(evals.predicted[-AGREE:])
    own = _shares(evals.true[-AGREE:])
    place = int(shares[-1].argmax())
    share, excess = float(shares[:, place].min()), float((shares[:, place] - own[:, place]).min())
    if not (share >= COLLAPSED and excess >= EXCESS):
        return None
    name = _name(case, place)
    return found(
        "class_collapse", "error",
        f"{share:.0%} of the validation answers are '{name}', which {own[-1, place]:.0%} of the images are",
        "lower the learning rate, and look whether batches hold all classes and labels belong to their images",
        settings=_tenth(case),
        evidence={"class": name, "share": share, "excess": excess},
        threshold={"share": COLLAPSED, "excess": EXCESS},
    )  # fmt: skip


def _tenth(case: Case) -> tuple[str, ...]:
    rate = case.facts.number("train.lr")
    return (f"train.lr={rate / 10:.2g}",) if np.isfinite(rate) else ()


def _shares(rows: Floats) -> Floats:
    return rows / np.maximum(rows.sum(axis=1, keepdims=True), 1.0)


def _name(case: Case, place: int) -> str:
    return case.facts.classes[place] if place < len(case.facts.classes) else str(place)


def never_predicted(case: Case) -> Finding | None:
    """A class with images that is never the answer, while others are told apart."""
    evals = case.history.evals
    if not _halfway(case) or len(evals) < AGREE or not evals.predicted.size:
        return None
    late = evals.predicted[-AGREE:].max(axis=0)
    true = evals.true[-1]
    places = np.flatnonzero((late == 0) & (true >= ENOUGH))
    low = interval(float(evals.score[-1]) * float(true.sum()), float(true.sum()))[0]
    learns = low > float(true.max()) / max(1.0, float(true.sum()))
    if not len(places) or not learns:
        return None
    names = [_name(case, int(place)) for place in places]
    weighed = _weighed(case)
    return found(
        "never_predicted", "warning",
        f"{shortened([repr(name) for name in names])} {'is' if len(names) == 1 else 'are'} never the answer, though "
        f"{int(true[places].sum())} validation images are of {'it' if len(names) == 1 else 'them'}",
        "draw the classes alike, add images of it, and look at its labels",
        settings=() if weighed else ("data.sampler=classes",),
        evidence={"classes": names, "images": float(true[places].min())},
        threshold={"images": ENOUGH},
    )  # fmt: skip


def _halfway(case: Case) -> bool:
    return case.over or case.done >= HALFWAY * case.facts.steps


def _weighed(case: Case) -> bool:
    weights, sampler = case.facts.setting("train.loss.class_weights"), case.facts.setting("data.sampler")
    return weights not in (None, "none", "auto") or sampler not in (None, "none", "auto")


def imbalance(case: Case) -> Finding | None:
    """Rare classes are recognized less often than common ones."""
    evals, counts = case.history.evals, np.asarray(case.facts.counts, np.float64)
    if not _halfway(case) or not len(evals) or evals.true.shape[1] != len(counts) or len(counts) < 2:
        return None
    rare = counts * RARE <= counts.max()
    true, hits = evals.true[-AGREE:].mean(axis=0), evals.hits[-AGREE:].mean(axis=0)
    of_rare, of_common = float(true[rare].sum()), float(true[~rare].sum())
    if of_rare < ENOUGH or of_common < ENOUGH:
        return None
    few, many = float(hits[rare].sum()) / of_rare, float(hits[~rare].sum()) / of_common
    high = interval(few * of_rare, of_rare, UNCERTAIN)[1]
    low = interval(many * of_common, of_common, UNCERTAIN)[0]
    if not (many - few > LESS and high < low):
        return None
    weighed = _weighed(case)
    names = [_name(case, int(place)) for place in np.flatnonzero(rare)]
    return found(
        "imbalance", "warning",
        f"rare classes ({shortened(names, 3)}: {int(counts[rare].sum())} of {int(counts.sum())} training images) are "
        f"recognized in {few:.0%} of the cases, the others in {many:.0%}",
        "add images of the rare classes" if weighed else "draw or weigh the classes alike, and add images of rare ones",
        settings=() if weighed else ("data.sampler=classes",),
        evidence={"rare": few, "common": many, "high": high, "low": low, "images": of_rare},
        threshold={"difference": LESS, "high": low},
    )  # fmt: skip


def below_baseline(case: Case) -> Finding | None:
    """At the end something simple is better, or the largest class is as good an answer."""
    evals, facts = case.history.evals, case.facts
    if not case.over or not len(evals) or case.history.figure != "accuracy" or not evals.true.size:
        return None
    count = float(evals.true[-1].sum())
    score = float(np.nanmax(evals.score))
    largest = float(evals.true[-1].max()) / max(1.0, count)
    name, bar = f"always answering '{_name(case, int(evals.true[-1].argmax()))}'", largest
    worse = interval(score * count, count)[0] <= largest
    if facts.baseline is not None and interval(score * count, count, UNCERTAIN)[1] < facts.baseline:
        name, bar, worse = facts.baseline_name or "the baseline", facts.baseline, True
    if not worse:
        return None
    return found(
        "below_baseline", "error" if score <= bar else "warning",
        f"the best validation accuracy is {score:.3f} of {count:.0f} images, not above {name} for certain: {bar:.3f}",
        "look at the other findings first; sightline check and sightline lr-find say whether data and rate are sound",
        evidence={"accuracy": score, "images": count, "baseline": bar},
        threshold={"accuracy": bar},
    )  # fmt: skip


CLASSES: dict[str, Rule] = {
    "class_collapse": collapse,
    "never_predicted": never_predicted,
    "imbalance": imbalance,
    "below_baseline": below_baseline,
}
"""By the name that their findings carry."""
