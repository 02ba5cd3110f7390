"""Rules about single classes: forgotten ones, rare ones, one that swallows the others."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    true, standing = evals.true[-1], case.standing()
    places = np.flatnonzero((late == 0) & (true >= ENOUGH))
    if not len(places) or not standing.low > standing.guess:
        return None
    names = [_name(case, int(place)) for place in places]
    return found(
        "never_predicted", "warning",
        f"{shortened([repr(name) for name in names])} {'is' if len(names) == 1 else 'are'} never the answer, though "
        f"{int(true[places].sum())} validation images are of {'it' if len(names) == 1 else 'them'}",
        "draw the classes alike, add images of it, and look at its labels",
        settings=_alike(case) if _neglected(case) else (),
        evidence={"classes": names, "images": float(true[places].min())},
        threshold={"images": ENOUGH},
    )  # fmt: skip


def _halfway(case: Case) -> bool:
    return case.over or case.done >= HALFWAY * case.facts.steps


def _rare(case: Case) -> NDArray[np.bool_]:
    """Which classes have at most a third of the images of the largest."""
    counts = np.asarray(case.facts.counts, np.float64)
    return counts * RARE <= counts.max(initial=0.0)


def _neglected(case: Case) -> bool:
    """Whether the training sees rare classes as rarely as that, or nobody knows how often."""
    seen, rare = case.seen, _rare(case)
    return len(seen) != len(rare) or bool((seen[rare] * RARE <= seen.max(initial=0.0)).any())


def _alike(case: Case) -> tuple[str, ...]:
    """What makes the training see all classes alike, where it is known not to."""
    if not len(case.seen):
        return ()
    if case.facts.setting("data.stream"):
        return ("train.loss.class_weights=inverse",)
    weights = case.facts.setting("train.loss.class_weights")
    instead = weights not in (None, "none", "auto") and "train.loss.class_weights" in case.facts.given
    return (*(("train.loss.class_weights=none",) if instead else ()), "data.sampler=classes")


def imbalance(case: Case) -> Finding | None:
    """Rare classes are recognized less often than common ones, and the training sees them as rarely as they are."""
    lag = _lag(case) if _neglected(case) else None
    if lag is None:
        return None
    return found(
        "imbalance", "warning", lag.told, "draw or weigh the classes alike, and add images of rare ones",
        settings=_alike(case), evidence=lag.evidence, threshold=lag.threshold,
    )  # fmt: skip


def few_images(case: Case) -> Finding | None:
    """Rare classes are recognized less often than common ones, though the training sees all classes alike."""
    lag = None if _neglected(case) else _lag(case)
    if lag is None:
        return None
    return found(
        "few_images", "note", f"{lag.told}, though the training draws or weighs them like the others",
        "add images of the rare classes: no weight makes up for what they do not show",
        evidence=lag.evidence, threshold=lag.threshold,
    )  # fmt: skip


class _Lag(NamedTuple):
    """By how much rare classes fall short."""

    told: str
    evidence: dict[str, float]
    threshold: dict[str, float]


def _lag(case: Case) -> _Lag | None:
    """How much less often rare classes are recognized than the others; ``None``: not for certain, or hardly."""
    evals, counts, rare = case.history.evals, case.facts.counts, _rare(case)
    if not _halfway(case) or not len(evals) or evals.true.shape[1] != len(counts) or len(counts) < 2:
        return None
    true, hits = evals.true[-AGREE:].mean(axis=0), evals.hits[-AGREE:].mean(axis=0)
    of_rare, of_common = float(true[rare].sum()), float(true[~rare].sum())
    if not (of_rare >= ENOUGH and of_common >= ENOUGH):
        return None
    few, many = float(hits[rare].sum()) / of_rare, float(hits[~rare].sum()) / of_common
    high = interval(few * of_rare, of_rare, UNCERTAIN)[1]
    low = interval(many * of_common, of_common, UNCERTAIN)[0]
    if not (many - few > LESS and high < low):
        return None
    names = [_name(case, int(place)) for place in np.flatnonzero(rare)]
    images = int(np.asarray(counts)[rare].sum())
    return _Lag(
        f"rare classes ({shortened(names, 3)}: {images} of {sum(counts)} training images) are recognized in {few:.0%} "
        f"of the cases, the others in {many:.0%}",
        {"rare": few, "common": many, "high": high, "low": low, "images": of_rare},
        {"difference": LESS, "high": low},
    )


def below_baseline(case: Case) -> Finding | None:
    """At the end something simple is better, or the largest class is as good an answer."""
    evals, facts = case.history.evals, case.facts
    if not case.over or not len(evals) or case.history.figure != "accuracy" or not evals.true.size:
        return None
    best = case.standing(case.best_place())
    count, score = float(evals.true[-1].sum()), best.value
    name, bar = f"always answering '{_name(case, int(evals.true[-1].argmax()))}'", best.guess
    worse = best.low <= best.guess
    other = facts.baseline if best.figure == "accuracy" else None
    if other is not None and interval(score * count, count, UNCERTAIN)[1] < other:
        name, bar, worse = facts.baseline_name or "the baseline", other, True
    if not worse:
        return None
    return found(
        "below_baseline", "error" if score <= bar else "warning",
        f"the best validation {best.figure} is {score:.3f} of {count:.0f} images, not above {name} for certain: "
        f"{bar:.3f}",
        "look at the other findings first; sightline check and sightline lr-find say whether data and rate are sound",
        evidence={best.figure: score, "images": count, "baseline": bar},
        threshold={best.figure: bar},
    )  # fmt: skip


CLASSES: dict[str, Rule] = {
    "class_collapse": collapse,
    "never_predicted": never_predicted,
    "imbalance": imbalance,
    "few_images": few_images,
    "below_baseline": below_baseline,
}
"""By the name that their findings carry."""
