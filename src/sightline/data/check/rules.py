"""Rules over a data set: each looks at the facts and gives findings, or none."""

import dataclasses
from collections.abc import Callable, Iterator

from sightline.data.check.duplicates import DUPLICATE_RULES
from sightline.data.check.frozen import changed_files, groups_across_parts
from sightline.data.samples import UNASSIGNED, Samples
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


RULES: dict[str, Callable[[Facts], Iterator[Finding]]] = {
    "files.damaged": damaged_files,
    "files.ignored": ignored_files,
    "files.changed": changed_files,
    "labels.few": small_classes,
    "groups.across_parts": groups_across_parts,
    **DUPLICATE_RULES,
}
"""Every rule, by the name that its findings carry."""


def check(samples: Samples, scan: Scan) -> list[Finding]:
    """Apply every rule; errors first."""
    facts = Facts(samples, scan)
    found = [finding for rule in RULES.values() for finding in rule(facts)]
    return sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.severity))
