"""Rules about labels: classes that are missing, small or unequal, and images without one."""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.facts import Facts, Rule, about
from sightline.data.formats.walk import listing
from sightline.data.image import is_image_name
from sightline.data.samples import PARTS, UNASSIGNED
from sightline.data.split import written
from sightline.errors import DataError, shortened
from sightline.findings import Finding

UNEQUAL, FAR_UNEQUAL = 3.0, 10.0
"""Largest class over smallest: from the one it is worth a note, from the other a warning."""


def unlabeled(facts: Facts) -> Iterator[Finding]:
    """Images without a label; in the multilabel task an image may have none."""
    if facts.samples.kind != "class":
        return
    yield from about(
        facts, np.flatnonzero(facts.samples.labels < 0), rule="labels.missing", severity="error",
        what=("image has no label", "images have no label"), remedy="give them a label, or leave them out",
    )  # fmt: skip


def small_classes(facts: Facts) -> Iterator[Finding]:
    """Classes with too few images to be in every part."""
    if facts.samples.kind == "numbers" or not (facts.samples.parts == UNASSIGNED).all():
        return
    counts = facts.samples.counts()
    few = {facts.samples.classes[place]: int(counts[place]) for place in np.flatnonzero(counts < facts.needed)}
    if few:
        told = shortened([f"'{name}' ({count})" for name, count in few.items()])
        yield Finding(
            rule="labels.few",
            severity="error",
            message=f"{len(few)} {'classes have' if len(few) > 1 else 'class has'} fewer than {facts.needed} images, "
            f"too few to be in every part: {told}",
            remedy="add images, or merge or remove the class",
            evidence={"classes": few, "needed": facts.needed},
        )


def other_classes(facts: Facts) -> Iterator[Finding]:
    """Parts that lack a class of the training part, or have one that it lacks."""
    samples = facts.samples
    given = [part for part in range(len(PARTS)) if (samples.parts == part).any()]
    held = {part: samples.counts(np.flatnonzero(samples.parts == part)) > 0 for part in given}
    if not held:
        return
    first = held[given[0]]
    for part in given[1:]:
        for places, verb in ((first & ~held[part], "lacks"), (held[part] & ~first, "alone has")):
            names = [samples.classes[place] for place in np.flatnonzero(places)]
            if names:
                yield Finding(
                    rule="labels.parts",
                    # A label that no validation image has can be learnt, but not judged.
                    severity="warning" if samples.kind == "labels" and verb == "lacks" else "error",
                    message=f"the {PARTS[part]} part {verb} classes that the {PARTS[given[0]]} part "
                    f"{'has' if verb == 'lacks' else 'lacks'}: {shortened([repr(name) for name in names])}",
                    remedy="give every part the same classes, or give no parts and let the split make them",
                    evidence={"part": PARTS[part], "classes": names},
                )


def unequal_classes(facts: Facts) -> Iterator[Finding]:
    """Classes of very different size."""
    figures = balance(facts.samples.counts())
    if figures["ratio"] < UNEQUAL:
        return
    counts = facts.samples.counts()
    most, least = int(counts.argmax()), int(np.where(counts > 0, counts, counts.max()).argmin())
    names = facts.samples.classes
    yield Finding(
        rule="labels.unequal",
        severity="warning" if figures["ratio"] >= FAR_UNEQUAL else "note",
        message=f"class '{names[most]}' has {figures['ratio']:.3g} times as many images as '{names[least]}' "
        f"({counts[most]:,} and {counts[least]:,})",
        remedy="judge the model by macro F1 rather than by accuracy; more images of the small classes help most",
        evidence=figures | {"counts": {name: int(count) for name, count in zip(names, counts, strict=True)}},
    )


def balance(counts: NDArray[np.int64]) -> dict[str, float]:
    """How unequal classes are.

    ``ratio``: largest over smallest class that has images. ``effective_ratio``: the same for the effective numbers of
    samples, (1 - b^n) / (1 - b) with b = 1 - 1/N (Cui et al., "Class-Balanced Loss Based on Effective Number of
    Samples", CVPR 2019; N: the mean class size). ``effective_classes``: the number of equal classes that would be as
    hard to guess (the exponential of the entropy).
    """
    held = counts[counts > 0].astype(np.float64)
    if not len(held):
        return {"ratio": 1.0, "effective_ratio": 1.0, "effective_classes": 0.0}
    beta = 1 - 1 / max(held.mean(), 2.0)
    effective = (1 - beta**held) / (1 - beta)
    shares = held / held.sum()
    return {
        "ratio": float(held.max() / held.min()),
        "effective_ratio": float(effective.max() / effective.min()),
        "effective_classes": float(np.exp(-(shares * np.log(shares)).sum())),
    }


def unlisted(facts: Facts) -> Iterator[Finding]:
    """Image files that lie beside those of a table and are in none of its rows."""
    if facts.samples.format != "csv":
        return
    listed = set(facts.samples.paths)
    beside: list[str] = []
    for folder in sorted({str(PurePosixPath(path).parent) for path in listed}):
        try:
            names = listing(facts.samples.root / folder)
        except DataError:  # images of the table are there, so what cannot be read is somebody else's
            continue
        paths = (name if folder == "." else f"{folder}/{name}" for name in names if is_image_name(name))
        beside += [written(path) for path in paths if path not in listed]
    if beside:
        yield Finding(
            rule="labels.unlisted",
            severity="note",
            message=f"{len(beside):,} {'images lie' if len(beside) > 1 else 'image lies'} beside those of the table "
            f"and {'are' if len(beside) > 1 else 'is'} in none of its rows: {shortened(beside, most=3)}",
            remedy="nothing, unless they should take part: then give them a row",
            paths=tuple(beside),
            evidence={"count": len(beside)},
        )


LABELS: dict[str, Rule] = {
    "labels.missing": unlabeled,
    "labels.few": small_classes,
    "labels.parts": other_classes,
    "labels.unequal": unequal_classes,
}
"""Rules about labels, by the name that their findings carry."""
