"""Rules over a data set: each looks at the facts and gives findings, or none."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.frozen import changed_files, groups_across_parts
from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.data.scan import Scan
from sightline.errors import shortened
from sightline.findings import Finding

FEWEST = 3
"""Images that a class needs to be in a training, a validation and a test part."""


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """What the rules look at."""

    samples: Samples
    scan: Scan


def damaged_files(facts: Facts) -> Iterator[Finding]:
    """Files that cannot be decoded: empty, truncated, not images."""
    for index, why in sorted(facts.scan.faults.items()):
        yield Finding(
            rule="files.damaged",
            severity="error",
            message=f"{facts.samples.paths[index]} cannot be decoded: {why}",
            remedy="repair or remove it, or leave it out with -s data.on_error=skip",
            paths=(facts.samples.paths[index],),
            evidence={"reason": why},
        )


def ignored_files(facts: Facts) -> Iterator[Finding]:
    """Files that are no images, or lie where no class is."""
    if facts.samples.ignored:
        yield Finding(
            rule="files.ignored",
            severity="note",
            message=f"{len(facts.samples.ignored)} files are no images and were passed over: "
            f"{shortened(facts.samples.ignored)}",
            remedy="nothing, unless one of them should be an image",
            paths=facts.samples.ignored,
        )


def small_classes(facts: Facts) -> Iterator[Finding]:
    """Classes with too few images to be in every part."""
    if not (facts.samples.parts == UNASSIGNED).all():
        return
    for place, count in enumerate(facts.samples.counts()):
        if count < FEWEST:
            yield Finding(
                rule="labels.few",
                severity="error",
                message=f"class '{facts.samples.classes[place]}' has {count} images; a split needs {FEWEST}",
                remedy="add images, or merge or remove the class",
                evidence={"class": facts.samples.classes[place], "count": int(count)},
            )


def one_image_two_labels(facts: Facts) -> Iterator[Finding]:
    """The same file under two labels: at least one of them is wrong."""
    for members in _copies(facts):
        names = sorted({facts.samples.classes[label] for label in facts.samples.labels[members] if label >= 0})
        if len(names) > 1:
            yield _about_copies(
                facts, members, "duplicates.two_labels", "warning",
                f"has two labels: {', '.join(names)}", "keep the right one and remove the others",
            )  # fmt: skip


def copies_across_parts(facts: Facts) -> Iterator[Finding]:
    """The same file in two parts: a leak, which makes every figure too good."""
    for members in _copies(facts):
        names = sorted({PARTS[part] for part in facts.samples.parts[members] if part != UNASSIGNED})
        if len(names) > 1:
            yield _about_copies(
                facts, members, "duplicates.across_parts", "error",
                f"is in {' and '.join(names)}", "keep it in one part only",
            )  # fmt: skip


RULES: dict[str, Callable[[Facts], Iterator[Finding]]] = {
    "files.damaged": damaged_files,
    "files.ignored": ignored_files,
    "files.changed": changed_files,
    "labels.few": small_classes,
    "duplicates.two_labels": one_image_two_labels,
    "duplicates.across_parts": copies_across_parts,
    "groups.across_parts": groups_across_parts,
}
"""Every rule, by the name that its findings carry."""


def check(samples: Samples, scan: Scan) -> list[Finding]:
    """Apply every rule; errors first."""
    facts = Facts(samples, scan)
    found = [finding for rule in RULES.values() for finding in rule(facts)]
    return sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.severity))


def _copies(facts: Facts) -> Iterator[NDArray[np.int64]]:
    """Places of files with equal bytes, group by group."""
    digests = facts.scan.rows["sha256"]
    _, inverse, counts = np.unique(digests, axis=0, return_inverse=True, return_counts=True)
    inverse = np.asarray(inverse).reshape(-1)
    order = np.argsort(inverse, kind="stable")
    for members in np.split(order, np.cumsum(counts)[:-1]):
        if len(members) > 1 and int(members[0]) not in facts.scan.faults:
            yield members


def _about_copies(
    facts: Facts, members: NDArray[np.int64], rule: str, severity: Any, what: str, remedy: str
) -> Finding:
    paths = tuple(facts.samples.paths[int(index)] for index in members)
    return Finding(
        rule=rule, severity=severity, message=f"the same image {what}: {', '.join(paths)}", remedy=remedy, paths=paths
    )
