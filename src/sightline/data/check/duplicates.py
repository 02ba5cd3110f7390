"""Rules about pictures that are there twice, told by their decoded pixels."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.facts import Facts, Rule
from sightline.data.samples import PARTS, UNASSIGNED
from sightline.errors import shortened
from sightline.findings import Finding, Severity


def two_labels(facts: Facts) -> Iterator[Finding]:
    """The same pixels under two labels: at least one of them is wrong."""
    groups = [group for group in copies(facts) if len(set(facts.samples.labels[group].tolist()) - {-1}) > 1]
    yield from _about(
        facts, groups, "duplicates.two_labels", "warning", "under two labels or more",
        "find out which label is right and remove the others; until then leave all of them out",
    )  # fmt: skip


def across_parts(facts: Facts) -> Iterator[Finding]:
    """The same pixels in two parts: a leak, which makes every figure too good."""
    groups = [group for group in copies(facts) if len(set(facts.samples.parts[group].tolist()) - {UNASSIGNED}) > 1]
    kept = [int(facts.samples.parts[group].max()) for group in groups]
    out = [group[facts.samples.parts[group] < part] for group, part in zip(groups, kept, strict=True)]
    yield from _about(
        facts, groups, "duplicates.across_parts", "error", "in two parts or more",
        "keep each in one part only; quarantine.csv names the copies outside the part that measures", out,
    )  # fmt: skip


def copies(facts: Facts) -> Iterator[NDArray[np.int64]]:
    """Places of sound samples with equal pixels, group by group."""
    sound = facts.sound
    hashes = np.ascontiguousarray(facts.scan.rows["pixels"][sound]).view("V16").reshape(-1)
    order = np.argsort(hashes, kind="stable")
    starts = np.flatnonzero(np.r_[True, hashes[order][1:] != hashes[order][:-1]])
    for members in np.split(sound[order], starts[1:]):
        if len(members) > 1:
            yield np.sort(members)


def _about(
    facts: Facts, groups: list[NDArray[np.int64]], rule: str, severity: Severity, where: str, remedy: str,
    leave_out: list[NDArray[np.int64]] | None = None,
) -> Iterator[Finding]:  # fmt: skip
    if not groups:
        return
    shown = [f"{' = '.join(_told(facts, int(place)) for place in group)}" for group in groups]
    yield Finding(
        rule=rule,
        severity=severity,
        message=f"{len(groups):,} {'pictures are' if len(groups) > 1 else 'picture is'} there {where}: "
        f"{shortened(shown, most=3)}",
        remedy=remedy,
        paths=facts.paths(np.concatenate(groups)),
        leave_out=None if leave_out is None else facts.paths(np.concatenate(leave_out)),
        evidence={"count": len(groups), "groups": [list(facts.paths(group)) for group in groups]},
    )


def _told(facts: Facts, place: int) -> str:
    part = facts.samples.parts[place]
    label = facts.samples.classes[facts.samples.labels[place]] if facts.samples.labels[place] >= 0 else "no label"
    about = label if part == UNASSIGNED else f"{PARTS[part]}, {label}"
    return f"{facts.paths([place])[0]} ({about})"


DUPLICATES: dict[str, Rule] = {
    "duplicates.two_labels": two_labels,
    "duplicates.across_parts": across_parts,
}
"""Rules about duplicates, by the name that their findings carry."""
