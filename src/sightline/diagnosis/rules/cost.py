"""Rules about time and memory."""

import math

import numpy as np

from sightline.diagnosis.case import Case, Facts, Rule, found
from sightline.findings import Finding

WAITS = 0.3
"""Share of the time that steps wait for their batch: with less, even a loader that costs nothing would make the run
less than half as fast again."""
WORTH = 5.0
"""Seconds of the planned run below which nobody would change a setting for them."""
FIRST = 5
"""Steps whose times say nothing: workers start, kernels are chosen."""
NEARLY_FULL = 0.9
"""Share of the memory that there is, above which a larger image or another program ends the run."""
ROOMY = 0.5
"""Share of the memory below which nothing need be computed twice to save some."""


def _seconds(case: Case) -> tuple[float, float, int]:
    """Seconds of the later steps and what they waited of it, and how many they are."""
    steps = case.history.steps
    seconds, wait = steps.seconds[FIRST:], steps.wait[FIRST:]
    good = np.isfinite(seconds) & np.isfinite(wait)
    return float(seconds[good].sum()), float(wait[good].sum()), int(good.sum())


def data_bound(case: Case) -> Finding | None:
    """Steps wait for their batch."""
    total, waited, count = _seconds(case)
    if count < 2 * FIRST or total <= 0:
        return None
    share = waited / total
    planned = waited / count * max(case.facts.steps, case.done)
    if share <= WAITS or planned <= WORTH:
        return None
    return found(
        "data_bound", "warning",
        f"steps wait {share:.0%} of their time for images: {planned:.0f} s of the whole run",
        "let more workers decode, keep pixels, or shrink the images once on disk",
        settings=_fed(case.facts),
        evidence={"share": share, "seconds": planned, "step": total / count},
        threshold={"share": WAITS, "seconds": WORTH},
    )  # fmt: skip


def _fed(facts: Facts) -> tuple[str, ...]:
    """Fewer workers than cores, or no kept pixels, where somebody wanted it so and auto would do otherwise."""
    augment = facts.setting("data.augment")
    anew = facts.setting("data.stream") or (isinstance(augment, str) and ":" in augment)  # nothing is kept for those
    wishes = {
        "data.workers=auto": facts.number("data.workers") < max(2, facts.cores),
        "data.cache=auto": facts.setting("data.cache") == "off" and not anew,
    }
    return tuple(word for word, helps in wishes.items() if helps and word.partition("=")[0] in facts.given)


def slow_settings(case: Case) -> Finding | None:
    """Steps compute all the time, and settings that somebody gave make them do more than they must."""
    facts = case.facts
    total, waited, count = _seconds(case)
    planned = (total - waited) / max(1, count) * max(facts.steps, case.done)
    if count < 2 * FIRST or waited > WAITS * total or planned <= WORTH:
        return None
    roomy = facts.memory_limit > 0 and 0 < facts.memory < ROOMY * facts.memory_limit
    told: list[str] = []
    if facts.setting("train.digests") is True:
        told.append("train.digests=false")
    if facts.setting("train.recompute") not in (None, "none", ()) and roomy:
        told.append("train.recompute=none")
    if facts.number("train.accumulate") > 1 and roomy and "train.accumulate" in facts.given:
        told.append("train.accumulate=auto")
    if str(facts.setting("train.device")).startswith("cuda") and facts.setting("train.precision") == "fp32":
        told += ["train.precision=auto"] if "train.precision" in facts.given else []
    if not told:
        return None
    names = ", ".join(word.partition("=")[0] for word in told)
    return found(
        "slow_settings", "note",
        f"computing takes {1 - waited / total:.0%} of the time, {planned:.0f} s of the whole run, and {names} makes it "
        "longer" + (f" while {1 - facts.memory / facts.memory_limit:.0%} of the memory is free" if roomy else ""),
        "leave them out where they are not needed",
        settings=tuple(told),
        evidence={"seconds": planned, "share": 1 - waited / total, "settings": told},
        threshold={"seconds": WORTH, "share": 1 - WAITS},
    )  # fmt: skip


def memory(case: Case) -> Finding | None:
    """The peak is close to what there is."""
    facts = case.facts
    if not facts.memory or not facts.memory_limit:
        return None
    share = facts.memory / facts.memory_limit
    if share <= NEARLY_FULL:
        return None
    micro = case.micro_batch
    parts = facts.number("train.accumulate")
    parts = parts if math.isfinite(parts) else 1.0
    return found(
        "memory", "warning",
        f"{facts.memory / 2**30:.2f} GiB were used at the peak, {share:.0%} of the {facts.memory_limit / 2**30:.2f} "
        "GiB that there are",
        "compute steps in more micro-batches, or recompute activations",
        settings=(f"train.accumulate={int(2 * parts)}",) if micro >= 4 else ("train.recompute=all",),
        evidence={"share": share, "bytes": facts.memory, "limit": facts.memory_limit},
        threshold={"share": NEARLY_FULL},
    )  # fmt: skip


COST: dict[str, Rule] = {"data_bound": data_bound, "slow_settings": slow_settings, "memory": memory}
"""By the name that their findings carry."""
