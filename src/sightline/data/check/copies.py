"""Rules about pictures that are there twice, told by their decoded pixels."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.facts import Facts, Rule
from sightline.data.exact import exact_copies
from sightline.data.samples import PARTS, UNASSIGNED
from sightline.errors import shortened
from sightline.findings import Finding, Severity


def two_labels(facts: Facts) -> Iterator[Finding]:
    """The same pixels under two labels: at least one of them is wrong."""
    groups = [group for group in copies(facts) if under_several_labels(facts, group)]
    yield from about_groups(
        facts, groups, "duplicates.two_labels", "warning", "under two labels or more",
        "find out which label is right and remove the others; until then leave all of them out",
    )  # fmt: skip


def across_parts(facts: Facts) -> Iterator[Finding]:
    """The same pixels in two parts: a leak, which makes every figure too good."""
    groups = [group for group in copies(facts) if in_several_parts(facts, group)]
    yield from about_groups(
        facts, groups, "duplicates.across_parts", "error", "in two parts or more",
        "keep each in one part only; quarantine.csv names the copies outside the part that measures",
        [outside(facts, group) for group in groups],
    )  # fmt: skip


def in_several_parts(facts: Facts, group: NDArray[np.int64]) -> bool:
    """Whether the samples of a group lie in two parts or more."""
    return len(set(facts.samples.parts[group].tolist()) - {UNASSIGNED}) > 1


def under_several_labels(facts: Facts, group: NDArray[np.int64]) -> bool:
    """Whether the samples of a group have two labels or more."""
    if facts.samples.kind == "class":
        return len(set(facts.samples.labels[group].tolist()) - {-1}) > 1
    return len({facts.samples.told(int(place)) for place in group}) > 1


def outside(facts: Facts, group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of a group that lie outside the part that measures: the test part, else the validation part."""
    return group[facts.samples.parts[group] < int(facts.samples.parts[group].max())]


def copies(facts: Facts) -> Iterator[NDArray[np.int64]]:
    """Places of sound samples with equal pixels, group by group."""
    return exact_copies(facts.samples, facts.scan, facts.sound)


def about_groups(
    facts: Facts, groups: list[NDArray[np.int64]], rule: str, severity: Severity, where: str, remedy: str,
    leave_out: list[NDArray[np.int64]] | None = None, **evidence: Any,
) -> Iterator[Finding]:  # fmt: skip
    """One finding about all the groups of samples that show the same picture, or none where there are no groups.

    Args:
        facts: what is looked at.
        groups: places of the samples of each group.
        rule: name of the rule.
        severity: of the finding.
        where: words after the number of pictures.
        remedy: what to do.
        leave_out: what quarantine.csv names of each group; where missing, all of them.
        evidence: more of it.
    """
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
        evidence={"count": len(groups), "groups": [list(facts.paths(group)) for group in groups], **evidence},
    )


def _told(facts: Facts, place: int) -> str:
    part = facts.samples.parts[place]
    label = facts.samples.told(place) or "no label"
    about = label if part == UNASSIGNED else f"{PARTS[part]}, {label}"
    return f"{facts.paths([place])[0]} ({about})"


COPIES: dict[str, Rule] = {
    "duplicates.two_labels": two_labels,
    "duplicates.across_parts": across_parts,
}
"""Rules about exact copies, by the name that their findings carry."""
