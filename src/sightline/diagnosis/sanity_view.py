"""What is wrong with images, time and memory before a training begins: measured numbers to findings."""

import dataclasses
import math

from sightline.diagnosis.case import Case
from sightline.diagnosis.rules.cost import NEARLY_FULL, WAITS, data_bound
from sightline.diagnosis.rules.cost import memory as full_memory
from sightline.diagnosis.sanity import PAGE, check
from sightline.findings import Finding, Severity

FAR = 5.0
"""Mean of scaled images, away from 0, beyond which the scaling is not that of these images. Those of another data set
leave it within 3."""
FLAT, STEEP = 0.1, 10.0
"""Spread of scaled images below and above which the same is said; it is about 1 where the scaling is their own."""
SHIFTED = 0.5
"""Mean of a color of augmented images, away from that of the same images in evaluation, in units of its spread: random
changes of brightness and contrast average out over a batch, another scale or order of colors does not."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """A batch as training sees it."""

    images: tuple[int, ...]
    """``n, channels, h, w``."""
    mean: float
    """Over all scaled pixels."""
    spread: float
    """Their standard deviation."""
    kind: str
    """class, labels or numbers."""
    classes: int
    lowest: float
    """Target; of classes the place."""
    highest: float
    wrong: int
    """Targets that are none: no class, not from 0 to 1, not finite."""
    outputs: tuple[int, ...]
    """Shape of what the network gives; empty: no tensor."""
    broken: int
    """Outputs that are no numbers."""
    own: bool
    """Whether task is the user's own, which may want outputs of another shape."""


def shapes(view: View) -> Finding:
    """Images, targets and outputs have the shape and the size that they should."""
    what = {"class": "classes", "labels": "labels", "numbers": "numbers"}[view.kind]
    told = (
        f"images {_shape(view.images)}, mean {view.mean:.2f}, spread {view.spread:.2f}; targets {view.lowest:.4g} to "
        f"{view.highest:.4g} of {view.classes} {what}; outputs {_shape(view.outputs)}"
    )
    severity, fault, remedy = _fault(view)
    return check(
        "shapes", severity, told + fault, remedy, evidence=dataclasses.asdict(view),
        threshold={"mean": FAR, "least_spread": FLAT, "most_spread": STEEP},
    )  # fmt: skip


def _shape(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes)) if sizes else "no tensor"


def _fault(view: View) -> tuple[Severity, str, str]:
    """The first thing that is wrong, with what to do."""
    wanted = {"class": f"0 to {view.classes - 1}", "labels": "0 to 1", "numbers": "finite"}[view.kind]
    shape = (view.images[0], view.classes)
    faults: tuple[tuple[bool, Severity, str, str], ...] = (
        (not math.isfinite(view.mean), "error", ": scaled images are no numbers", "look at data.mean and data.std"),
        (view.spread == 0, "error", ": every pixel of the batch is the same", "look at it with sightline augment"),
        (view.wrong > 0, "error", f": {view.wrong} are not {wanted}", "look at the labels, and at who reads them"),
        (
            view.outputs != shape and not view.own, "error", f", which should be {_shape(shape)}",
            "let the network give num_classes outputs an image",
        ),
        (view.broken > 0, "error", f": {view.broken} outputs are no numbers", "look for a division or a logarithm"),
        (
            abs(view.mean) > FAR or not FLAT <= view.spread <= STEEP, "warning",
            f": the mean should lie within {FAR:g} of 0, the spread from {FLAT:g} to {STEEP:g}",
            "leave data.mean and data.std to auto; they are shares of white, from 0 to 1",
        ),
    )  # fmt: skip
    for is_so, severity, told, remedy in faults:
        if is_so:
            return severity, told, remedy
    return "note", "", ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The same images as training and as evaluation prepare them."""

    images: int
    differing: int
    """Of these, how many are not equal in every pixel without augmentation."""
    shift: float
    """With augmentation: largest difference of the mean of a color, in units of its spread."""


def preprocessing(seen: Preprocessing) -> Finding:
    """Training without augmentation shows what evaluation shows, and augmentation keeps colors where they are."""
    evidence, threshold = dataclasses.asdict(seen), {"differing": 0.0, "shift": SHIFTED}
    same = f"{seen.images - seen.differing} of {seen.images} images equal in training and evaluation, pixel by pixel"
    told = f"{same}; augmentation moves the mean of a color by {seen.shift:.2f} of its spread, at most {SHIFTED:g}"
    if seen.differing:
        remedy = "remove the cache that sightline keeps pixels in, or set data.cache=off"
        return check("preprocessing", "error", told, remedy, evidence=evidence, threshold=threshold)
    if not seen.shift <= SHIFTED:
        remedy = "look at both with sightline augment: scale, order of the colors, what is left in the frame"
        return check("preprocessing", "warning", told, remedy, evidence=evidence, threshold=threshold)
    return check("preprocessing", "note", told, evidence=evidence, threshold=threshold)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of the parts of a training, and how often each comes."""

    tried: int
    """Steps that were measured."""
    images: int
    """Of a step."""
    step: tuple[float, float, float]
    """Lower quartile, median, upper quartile; of a few steps the least and the most in the place of quartiles."""
    wait: float
    """Share of a step that it waits for its images."""
    making: float
    """To make the images of a step when nothing else is computed."""
    steps: int
    """Of the whole training."""
    evaluation: float
    evaluations: int
    save: float
    saves: int

    def whole(self, step: float) -> float:
        """Seconds of the whole training, with steps of so many seconds."""
        return self.steps * step + self.evaluations * self.evaluation + self.saves * self.save


def time(times: Times, case: Case) -> Finding:
    """How long the whole will take, about; and whether steps wait for their images.

    Args:
        times: what was measured.
        case: the steps that were tried, with the length of the whole training.
    """
    low, middle, high = times.step
    total, least, most = (_duration(times.whole(step)) for step in (middle, low, high))
    told = (
        f"estimate {total} ({least} to {most}): {times.steps} steps of {1000 * middle:.3g} ms, {times.evaluations} "
        f"evaluations of {times.evaluation:.2g} s, {times.saves} checkpoints; waiting for images {times.wait:.0%}"
    )
    evidence = dataclasses.asdict(times) | {
        name: times.whole(step) for name, step in (("whole", middle), ("least", low), ("most", high))
    }
    waiting = data_bound(case)
    if waiting is None:
        return check("time", "note", f"{told}, at most {WAITS:.0%}", evidence=evidence, threshold={"wait": WAITS})
    return check(
        "time", waiting.severity, f"{told}, at most {WAITS:.0%}", waiting.remedy, settings=waiting.settings,
        evidence=evidence, threshold={"wait": WAITS},
    )  # fmt: skip


def _duration(seconds: float) -> str:
    for unit, size in (("days", 172_800.0), ("h", 7200.0), ("min", 120.0)):
        if seconds >= size:
            return f"{seconds / {'days': 86_400.0, 'h': 3600.0, 'min': 60.0}[unit]:.3g} {unit}"
    return f"{seconds:.2g} s"


def memory(case: Case) -> Finding:
    """What a step takes at its peak, against what there is."""
    facts = case.facts
    full = full_memory(case)
    if full is not None:
        return dataclasses.replace(full, rule="sanity.memory", page=f"{PAGE}#memory")
    share = facts.memory / facts.memory_limit if facts.memory_limit else math.nan
    told = f"{facts.memory / 2**30:.2f} GiB at the peak"
    if facts.memory_limit:
        told += f", {share:.0%} of {facts.memory_limit / 2**30:.1f} GiB, at most {NEARLY_FULL:.0%}"
    return check(
        "memory", "note", told, evidence={"share": share, "bytes": facts.memory, "limit": facts.memory_limit},
        threshold={"share": NEARLY_FULL},
    )  # fmt: skip
