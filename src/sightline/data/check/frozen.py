"""Rules over data whose parts are fixed: files that changed since, and groups that lie in several parts."""

from collections.abc import Iterator

import numpy as np

from sightline.data.check.facts import Facts
from sightline.data.samples import PARTS
from sightline.data.split.file import stated_changes
from sightline.data.split.units import across
from sightline.errors import shortened
from sightline.findings import Finding


def changed_files(facts: Facts) -> Iterator[Finding]:
    """Files whose checksum is not the one that the table states: a split file states them."""
    changed = stated_changes(facts.samples, np.arange(len(facts.samples)), facts.scan.sha256)
    if changed:
        yield Finding(
            rule="files.changed",
            severity="error",
            message=f"{len(changed)} files are not those that the split was made with: {shortened(changed)}",
            remedy="restore them, or make the split again with sightline split",
            paths=tuple(changed),
            evidence={"count": len(changed)},
        )


def groups_across_parts(facts: Facts) -> Iterator[Finding]:
    """A group with images in several parts: the model is tested on what it has seen, a patient or a scene."""
    samples = facts.samples
    if samples.groups is None:
        return
    for members in across(samples.groups, samples.parts):
        name = samples.group_names[int(samples.groups[members[0]])]
        counts = {part: int((samples.parts[members] == code).sum()) for code, part in enumerate(PARTS)}
        told = ", ".join(f"{part} {count}" for part, count in counts.items() if count)
        yield Finding(
            rule="groups.across_parts",
            severity="warning",
            message=f"group '{name}' lies in several parts: {told}",
            remedy="divide by groups with sightline split, without the parts that the data set gives",
            paths=tuple(samples.paths[int(place)] for place in members),
            evidence={"group": name, "counts": counts},
        )
