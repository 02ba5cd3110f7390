"""Rules about pictures that are there more than once: exact copies and near-duplicates, confirmed on their pixels."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.data.near import KINDS, Pairs, families, near_pairs
from sightline.data.samples import PARTS, UNASSIGNED
from sightline.errors import shortened
from sightline.findings import Finding, Severity

if TYPE_CHECKING:
    from sightline.data.check.rules import Facts

Rule = Callable[["Facts"], Iterator[Finding]]


def exact_across_parts(facts: "Facts") -> Iterator[Finding]:
    """The same pixels in two parts: a leak, which makes every figure too good."""
    yield from _families(facts, "duplicates.across_parts")


def exact_two_labels(facts: "Facts") -> Iterator[Finding]:
    """The same pixels under two labels: at least one of them is wrong."""
    yield from _families(facts, "duplicates.two_labels")


def exact_in_one_part(facts: "Facts") -> Iterator[Finding]:
    """The same pixels twice in one part, under one label: the picture counts twice."""
    yield from _families(facts, "duplicates.one_part")


def near_across_parts(facts: "Facts") -> Iterator[Finding]:
    """Near-duplicates in two parts: a leak."""
    yield from _families(facts, "near_duplicates.across_parts")


def near_two_labels(facts: "Facts") -> Iterator[Finding]:
    """Near-duplicates under two labels: at least one of them is wrong."""
    yield from _families(facts, "near_duplicates.two_labels")


def near_in_one_part(facts: "Facts") -> Iterator[Finding]:
    """Near-duplicates in one part, under one label."""
    yield from _families(facts, "near_duplicates.one_part")


def compared_in_part(facts: "Facts") -> Iterator[Finding]:
    """Pictures that look like so many others that only the nearest of those were compared with them."""
    crowded = near_pairs(facts.samples, facts.scan).crowded
    if len(crowded):
        yield Finding(
            rule="near_duplicates.crowded",
            severity="note",
            message=f"{len(crowded)} images look so much like many others that each was compared with the nearest only",
            remedy="near-duplicates among them may be missing here; for templated images group them by their source",
            paths=tuple(facts.samples.paths[int(place)] for place in crowded[:100]),
            evidence={"count": len(crowded)},
        )


DUPLICATE_RULES: dict[str, Rule] = {
    "duplicates.across_parts": exact_across_parts,
    "near_duplicates.across_parts": near_across_parts,
    "duplicates.two_labels": exact_two_labels,
    "near_duplicates.two_labels": near_two_labels,
    "duplicates.one_part": exact_in_one_part,
    "near_duplicates.one_part": near_in_one_part,
    "near_duplicates.crowded": compared_in_part,
}
"""Every rule about copies, by the name that its findings carry."""

_SEVERITY: dict[str, Severity] = {"across_parts": "error", "two_labels": "warning", "one_part": "warning"}
_REMEDY = {
    "across_parts": "keep them in one part only",
    "two_labels": "keep the right label and remove the others",
    "one_part": "keep one, unless they are meant to count more than once; a split keeps them together",
}


def _families(facts: "Facts", rule: str) -> Iterator[Finding]:
    """One finding for each family of copies of which this rule has something to say."""
    kind, _, where = rule.partition(".")
    pairs = near_pairs(facts.samples, facts.scan)
    exact = families(pairs, len(facts.samples), KINDS[:1])
    numbers = exact if kind == "duplicates" else families(pairs, len(facts.samples))
    for members in _members(numbers):
        if kind == "near_duplicates" and len(set(exact[members].tolist())) == 1:
            continue  # all of them are exact copies, which the other rule tells
        labels = sorted({facts.samples.classes[k] for k in facts.samples.labels[members].tolist() if k >= 0})
        parts = [PARTS[k] for k in sorted(set(facts.samples.parts[members].tolist())) if k != UNASSIGNED]
        told = {
            "across_parts": f" in {' and '.join(parts)}" if len(parts) > 1 else "",
            "two_labels": f" with {len(labels)} labels, {', '.join(labels)}" if len(labels) > 1 else "",
        }
        told["one_part"] = "" if any(told.values()) else " more than once"
        if told[where]:
            yield _finding(facts, rule, pairs, members, told[where])


def _finding(facts: "Facts", rule: str, pairs: Pairs, members: NDArray[np.int64], told: str) -> Finding:
    where = rule.partition(".")[2]
    paths = tuple(facts.samples.paths[int(place)] for place in members)
    inside = np.flatnonzero(np.isin(pairs.first, members))
    mirrored = (pairs.kind[inside] == KINDS.index("mirrored")).any()
    what = "the same image" if rule.startswith("duplicates") else "nearly the same image"
    details = [
        {
            "first": facts.samples.paths[int(pairs.first[row])],
            "second": facts.samples.paths[int(pairs.second[row])],
            "kind": KINDS[pairs.kind[row]],
            "similarity": round(float(pairs.similarity[row]), 4),
        }
        for row in inside[:100].tolist()
    ]
    return Finding(
        rule=rule,
        severity=_SEVERITY[where],
        message=f"{what}{', mirrored,' if mirrored else ''}{told}: {shortened(paths)}",
        remedy=_REMEDY[where],
        paths=paths,
        evidence={"pairs": details},
    )


def _members(numbers: NDArray[np.int32]) -> Iterator[NDArray[np.int64]]:
    """Places of the samples of each family of two or more."""
    order = np.argsort(numbers, kind="stable")
    _, counts = np.unique(numbers, return_counts=True)
    ends = np.cumsum(counts)
    for number in np.flatnonzero(counts > 1):
        yield order[ends[number] - counts[number] : ends[number]]
