"""Rules about pictures that are nearly the same, or the same inside one part, confirmed on their pixels."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.copies import about_groups, copies, in_several_parts, outside, under_several_labels
from sightline.data.check.facts import Facts, Rule, about
from sightline.data.near import KINDS, families, near_pairs
from sightline.findings import Finding

_MOST_PAIRS = 1000
"""Pairs whose likeness a finding tells as evidence."""


def exact_in_one_part(facts: Facts) -> Iterator[Finding]:
    """The same pixels twice in one part, under one label: the picture counts twice."""
    groups = [group for group in copies(facts) if not _torn(facts, group)]
    yield from about_groups(
        facts, groups, "duplicates.one_part", "warning", "more than once",
        "keep one, unless it is meant to count more than once; a split keeps them together",
        [group[1:] for group in groups],
    )  # fmt: skip


def near_across_parts(facts: Facts) -> Iterator[Finding]:
    """Near-duplicates in two parts: a leak."""
    groups = [group for group in near_families(facts) if in_several_parts(facts, group)]
    yield from about_groups(
        facts, groups, "near_duplicates.across_parts", "error", "in two parts or more, nearly the same",
        "keep them in one part only; quarantine.csv names those outside the part that measures",
        [outside(facts, group) for group in groups], pairs=_pairs(facts, groups),
    )  # fmt: skip


def near_two_labels(facts: Facts) -> Iterator[Finding]:
    """Near-duplicates under two labels: at least one of them is wrong."""
    if facts.samples.kind == "numbers":  # pictures that differ a little may differ a little in a number
        return
    groups = [group for group in near_families(facts) if under_several_labels(facts, group)]
    yield from about_groups(
        facts, groups, "near_duplicates.two_labels", "warning", "under two labels or more, nearly the same",
        "find out which label is right and remove the others; until then leave all of them out",
        pairs=_pairs(facts, groups),
    )  # fmt: skip


def near_in_one_part(facts: Facts) -> Iterator[Finding]:
    """Near-duplicates in one part, under one label."""
    groups = [group for group in near_families(facts) if not _torn(facts, group)]
    yield from about_groups(
        facts, groups, "near_duplicates.one_part", "note", "more than once, nearly the same",
        "nothing, if they are meant to be there; a split keeps them together",
        [group[:0] for group in groups], pairs=_pairs(facts, groups),
    )  # fmt: skip


def compared_in_part(facts: Facts) -> Iterator[Finding]:
    """Pictures that look like so many others that only the nearest of those were compared with them."""
    yield from about(
        facts, near_pairs(facts.samples, facts.scan).crowded, rule="near_duplicates.crowded", severity="note",
        what=(
            "image looks so much like many others that it was compared with the nearest only",
            "images look so much like many others that each was compared with the nearest only",
        ),
        remedy="near-duplicates among them may be missing here; group templated images by their source",
    )  # fmt: skip


def near_families(facts: Facts) -> Iterator[NDArray[np.int64]]:
    """Places of the samples of each family of near-duplicates; families of nothing but exact copies left out."""
    pairs = near_pairs(facts.samples, facts.scan)
    exact = families(pairs, len(facts.samples), KINDS[:1])
    numbers = families(pairs, len(facts.samples))
    order = np.argsort(numbers, kind="stable")
    _, counts = np.unique(numbers, return_counts=True)
    ends = np.cumsum(counts)
    for number in np.flatnonzero(counts > 1):
        members = order[ends[number] - counts[number] : ends[number]]
        if len(set(exact[members].tolist())) > 1:
            yield members


DUPLICATES: dict[str, Rule] = {
    "near_duplicates.across_parts": near_across_parts,
    "near_duplicates.two_labels": near_two_labels,
    "duplicates.one_part": exact_in_one_part,
    "near_duplicates.one_part": near_in_one_part,
    "near_duplicates.crowded": compared_in_part,
}
"""Rules about copies that need more than the pass over the samples, by the name that their findings carry."""


def _torn(facts: Facts, group: NDArray[np.int64]) -> bool:
    several = facts.samples.kind != "numbers" and under_several_labels(facts, group)
    return in_several_parts(facts, group) or several


def _pairs(facts: Facts, groups: list[NDArray[np.int64]]) -> list[dict[str, object]]:
    """How alike the members are, pair by pair."""
    pairs = near_pairs(facts.samples, facts.scan)
    members = np.concatenate(groups) if groups else np.empty(0, np.int64)
    inside = np.flatnonzero(np.isin(pairs.first, members) & (pairs.kind != KINDS.index("exact")))
    return [
        {
            "first": facts.paths([pairs.first[row]])[0],
            "second": facts.paths([pairs.second[row]])[0],
            "kind": KINDS[pairs.kind[row]],
            "similarity": round(float(pairs.similarity[row]), 4),
        }
        for row in inside[:_MOST_PAIRS].tolist()
    ]
