"""What is wrong inside a network before a training begins: measured numbers to findings."""

import dataclasses
import math

import numpy as np

from sightline.diagnosis.case import Case
from sightline.diagnosis.rules.layers import (
    DEPTH,
    EXPLODED,
    LOOKS,
    VANISHED,
    dead_relus,
    exploding,
    gradient_over_weights,
    non_finite,
    relative_gradients,
    saturated,
    vanishing,
)
from sightline.diagnosis.sanity import PAGE, check
from sightline.errors import shortened
from sightline.findings import Finding

PART = 0.01
"""Share of all weights without a gradient from which on something that was meant to learn does not."""
SAME = 1e-4
"""Spread of the outputs over images, as a share of their size, below which the images do not matter."""
LEAK = 1e-5
"""Gradient by another image of the batch over that by the own one; it is 0 where nothing leaks."""
APART = 1e-3
"""Change of an output when its image is alone, as a share of its size; rounding changes a millionth."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gradients:
    """What the parameters that shall learn were given in some steps."""

    steps: int
    parameters: int
    weights: int
    """Numbers in all of them."""
    none: tuple[str, ...] = ()
    """Those that no step gave a gradient."""
    zero: tuple[str, ...] = ()
    """Those whose gradient was 0 in every step."""
    broken: tuple[str, ...] = ()
    """Those with a gradient that was no number in some step."""
    idle: int = 0
    """Numbers in ``none`` and ``zero``."""


def gradients(given: Gradients) -> Finding:
    """Every parameter that shall learn gets a gradient that is a number and not 0."""
    share = given.idle / max(1, given.weights)
    listed = {"none": list(given.none[:100]), "zero": list(given.zero[:100]), "broken": list(given.broken[:100])}
    evidence = dataclasses.asdict(given) | listed | {"share": share}
    threshold = {"share": PART}
    named = {"no gradient": given.none, "a gradient of 0": given.zero, "one that is no number": given.broken}
    faults = [f"{len(names)} got {what}: {shortened(names, 3)}" for what, names in named.items() if names]
    if not faults:
        told = f"each of {given.parameters} parameters got one in {given.steps} steps, all finite"
        return check("gradients", "note", told, evidence=evidence, threshold=threshold)
    severe = bool(given.broken) or share >= PART
    return check(
        "gradients", "error" if severe else "warning",
        f"of {given.parameters} parameters {'; '.join(faults)} ({share:.1%} of the weights in {given.steps} steps, "
        f"below {PART:.0%})",
        "look for a detach(), a branch that is never taken, activations that are all 0; leave out what is not used",
        evidence=evidence, threshold=threshold,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answers:
    """Outputs in evaluation mode for different images."""

    images: int
    size: float
    """Root mean square of all outputs."""
    spread: float
    """The same of what is left after the mean over the images is taken away."""
    crossed: float
    """Gradient of an image's outputs by the other images of its batch, over that by its own pixels."""
    apart: float
    """Largest change of an output when its image is alone, over the size; NaN: the network takes no single image."""
    refused: str = ""
    """Why it takes none."""


def inputs(answers: Answers) -> Finding:
    """The outputs depend on the images."""
    share = answers.spread / answers.size if answers.size > 0 else answers.spread
    evidence, threshold = {"spread": share, "size": answers.size, "images": answers.images}, {"spread": SAME}
    told = f"outputs of {answers.images} images differ by {share:.2g} of their size, at least {SAME:g}"
    if math.isfinite(answers.size) and share >= SAME:
        return check("inputs", "note", told, evidence=evidence, threshold=threshold)
    constant = math.isfinite(answers.size)
    return check(
        "inputs", "error",
        f"{told}: the answer is the same whatever the image" if constant else "outputs are no numbers in evaluation",
        "look for activations that are all 0, large biases, a pooling over everything, and what eval() switches",
        evidence=evidence, threshold=threshold,
    )  # fmt: skip


def batch_mix(answers: Answers) -> Finding:
    """What is said of an image does not depend on the others of its batch."""
    evidence = {"crossed": answers.crossed, "apart": answers.apart, "refused": answers.refused}
    threshold = {"crossed": LEAK, "apart": APART}
    if answers.refused:
        return check(
            "batch_mix", "error", f"the network does not take one image alone: {answers.refused}",
            "keep the first dimension: name the dimensions of squeeze() and mean()",
            evidence=evidence, threshold=threshold,
        )  # fmt: skip
    told = (
        f"gradient by other images of the batch {answers.crossed:.2g} of that by the own one, at most {LEAK:g}; alone, "
        f"outputs change by {answers.apart:.2g} of their size, at most {APART:g}"
    )
    if answers.crossed <= LEAK and answers.apart <= APART:
        return check("batch_mix", "note", told, evidence=evidence, threshold=threshold)
    return check(
        "batch_mix", "error", f"{told}: answers depend on what else is in the batch",
        "look for means, softmax or sorting over dimension 0, a view() that mixes them, batch statistics in eval()",
        evidence=evidence, threshold=threshold,
    )  # fmt: skip


def depth(case: Case, learnt: bool) -> Finding:
    """Gradients neither vanish nor explode on their way to the first layers, and activations live.

    Args:
        case: some first steps, whose layers were looked at.
        learnt: whether the network can learn a batch. Then large gradients are those of a loud start, which pass.
    """
    rules = (non_finite, exploding, vanishing, dead_relus, saturated)
    told = [finding for rule in rules if (finding := rule(case)) is not None]
    if told:
        worst = min(told, key=lambda one: one.severity != "error")
        more = "".join(f"; {one.message}" for one in told if one is not worst)
        settings = tuple(dict.fromkeys(word for one in [worst, *told] for word in one.settings))
        severity = worst.severity if worst.rule == "non_finite" or not learnt else "warning"
        return dataclasses.replace(
            worst,
            severity=severity,
            rule="sanity.depth",
            message=worst.message + more,
            page=f"{PAGE}#depth",
            settings=settings,
        )
    names, shares = relative_gradients(case)
    if len(shares) < LOOKS or len(names) < DEPTH or not np.isfinite(shares[-1]).all() or not shares[-1].all():
        told_of = f"{len(names)} layers with weights were looked at {len(shares)} times: too few to compare"
        return check("depth", "note", told_of, evidence={"layers": len(names), "looks": len(shares)}, threshold={})
    third = max(1, len(names) // 3)
    ratio = float(np.median(shares[-1, :third]) / np.median(shares[-1, -third:]))
    most = gradient_over_weights(case)
    return check(
        "depth", "note",
        f"the first of {len(names)} layers get {ratio:.2g} of the gradient of the last, at least {VANISHED:g}; all get "
        f"{most:.2g} of the weights, at most {EXPLODED:g}",
        evidence={"ratio": ratio, "most": most, "layers": len(names)}, threshold={"ratio": VANISHED, "most": EXPLODED},
    )  # fmt: skip
