"""Rules about what happens inside the network, layer by layer."""

import math

import numpy as np

from sightline.diagnosis.case import Case, Rule, found
from sightline.diagnosis.history import Floats
from sightline.diagnosis.noise import finite
from sightline.diagnosis.remedies import normalized, rate_for, usual_start
from sightline.diagnosis.rules.rate import FAR_CUT, MOSTLY, typical_ratio
from sightline.errors import shortened
from sightline.findings import Finding

DEPTH = 4
"""Layers with weights that a network needs, to speak of its depth."""
VANISHED = 1e-3
"""Gradient of the first third of the layers over that of the last, each as a share of its weights: with a thousandth,
the first layers need a thousand steps where the last need one."""
EXPLODED = 10.0
"""Norm of the gradient over that of all weights. In a healthy training it is some hundredths: with ten, a step of
plain gradient descent at a rate of 0.1 would replace the network."""
DEAD = 0.6
"""Share of a layer's channels that are 0 for every image of a batch. About half of the units of a rectified layer are
0 for a single image, which is sound; one that is 0 for all of them learns nothing, and never will."""
CROWD = 8
"""Images of a batch from which on such channels are told from those that a few images happen not to need: of units that
are 0 for every other image, a quarter is 0 for both of two."""
SATURATED = 0.8
"""Share of a bounded layer's outputs within 1 % of a bound, where its gradient is nearly 0."""
LOOKS = 2
"""Looks in a row that must agree."""
_WEIGHTY = ("Conv", "Linear", "Bilinear")
_RECTIFIED = ("ReLU", "Threshold", "Hardtanh")
_BOUNDED = ("Sigmoid", "Tanh", "Softsign")


def relative_gradients(case: Case) -> tuple[tuple[str, ...], Floats]:
    """Of layers with weights that learn: names, and gradient over weights ``[looks, layers]``."""
    looks = case.history.looks
    weighty = np.array([kind.startswith(_WEIGHTY) for kind in looks.kinds], np.bool_)
    gradient = looks.figure("gradient_norm")
    weight = looks.figure("weight_norm")
    learns = weighty & np.isfinite(gradient).any(axis=0) if len(looks) else weighty
    with np.errstate(divide="ignore", invalid="ignore"):
        share = gradient[:, learns] / weight[:, learns]
    return tuple(name for name, own in zip(looks.layers, learns, strict=True) if own), share


def vanishing(case: Case) -> Finding | None:
    """The first layers get next to no gradient beside the last."""
    names, shares = relative_gradients(case)
    if len(shares) < LOOKS or len(names) < DEPTH:
        return None
    third = max(1, len(names) // 3)
    late = shares[-LOOKS:]
    if not np.isfinite(late).all():
        return None
    first, last = np.median(late[:, :third], axis=1), np.median(late[:, -third:], axis=1)
    if not (last > 0).all():
        return None
    ratio = float((first / last).max())
    if ratio >= VANISHED:
        return None
    settings = normalized(case.facts)
    return found(
        "vanishing_gradients", "warning",
        f"gradients of the first layers are {ratio:.1g} of those of the last, as shares of their weights "
        f"({names[0]} {late[-1, 0]:.1g}, {names[-1]} {late[-1, -1]:.1g})",
        "normalize between the layers, use rectified activations or shortcuts, or fewer layers",
        settings=settings,
        evidence={"ratio": ratio, "layers": len(names), "first": float(first[-1]), "last": float(last[-1])},
        threshold={"ratio": VANISHED},
    )  # fmt: skip


def gradient_over_weights(case: Case) -> float:
    """Norm of the whole gradient over that of all weights, the median of the last three looks; 0: not looked at."""
    looks = case.history.looks
    gradient, weight = looks.figure("gradient_norm"), looks.figure("weight_norm")
    total = np.sqrt(np.nansum(np.square(gradient), axis=1)) / np.maximum(np.sqrt(np.nansum(weight**2, axis=1)), 1e-30)
    total = total[np.isfinite(gradient).any(axis=1)] if len(looks) else total
    return float(np.median(total[-3:])) if len(total) else 0.0


def exploding(case: Case) -> Finding | None:
    """The gradient is far larger than the weights, or far beyond the clip in nearly every step."""
    looks, ratio = case.history.looks, gradient_over_weights(case)
    if not ratio > EXPLODED:
        return None
    facts = case.facts
    norms = finite(case.history.steps.grad_norm)
    clip = facts.number("train.clip")
    cut = math.isfinite(clip) and len(norms) > 0 and float((norms > FAR_CUT * clip).mean()) > MOSTLY
    return found(
        "exploding_gradients", "error" if not math.isfinite(clip) else "warning",
        f"the gradient is {ratio:.3g} times as large as the weights in the last looks (step {looks.step[-1]})"
        + (", and is cut in nearly every step" if cut else ""),
        "clip the gradient, normalize between the layers, start from smaller weights",
        settings=((() if math.isfinite(clip) else ("train.clip=1",)) + normalized(facts) + usual_start(facts)),
        evidence={"ratio": ratio, "step": int(looks.step[-1])},
        threshold={"ratio": EXPLODED},
    )  # fmt: skip


def dead_relus(case: Case) -> Finding | None:
    """Most channels of a rectified layer are 0 whatever the image."""
    names, shares = _shares_of(case, _RECTIFIED, "dead")
    worst = float(shares.max()) if len(shares) else 0.0
    if worst < DEAD or case.micro_batch < CROWD:
        return None
    bad = [name for name, share in zip(names, shares, strict=True) if share >= DEAD]
    return found(
        "dead_relus", "warning",
        f"{worst:.0%} of the channels of {names[int(shares.argmax())]} are 0 for every image of a batch"
        + (f", and most of {shortened([one for one in bad if one != names[int(shares.argmax())]], 3)}"
           if len(bad) > 1 else ""),
        "lower the learning rate or rise to it more slowly, normalize between the layers",
        settings=(*normalized(case.facts), *_gentler(case)),
        evidence={"share": worst, "layers": bad},
        threshold={"share": DEAD},
    )  # fmt: skip


def _gentler(case: Case) -> tuple[str, ...]:
    ratio = typical_ratio(case)
    return rate_for(case.facts, ratio, least=0.03, most=0.3) if ratio > 0.03 or not math.isfinite(ratio) else ()


def saturated(case: Case) -> Finding | None:
    """Nearly all outputs of a bounded activation lie at a bound."""
    names, shares = _shares_of(case, _BOUNDED, "saturated")
    worst = float(shares.max()) if len(shares) else 0.0
    if worst < SATURATED:
        return None
    return found(
        "saturated", "warning",
        f"{worst:.0%} of the outputs of {names[int(shares.argmax())]} lie within 1 % of a bound, where next to no "
        "gradient passes",
        "start from smaller weights, normalize before the activation, lower the learning rate",
        settings=(*usual_start(case.facts), *normalized(case.facts), *_gentler(case)),
        evidence={"share": worst, "layers": [n for n, s in zip(names, shares, strict=True) if s >= SATURATED]},
        threshold={"share": SATURATED},
    )  # fmt: skip


def _shares_of(case: Case, kinds: tuple[str, ...], figure: str) -> tuple[list[str], Floats]:
    """Of layers of some kinds: names, and the least of a figure over the last looks."""
    looks = case.history.looks
    rows = looks.figure(figure)[-LOOKS:]
    if len(rows) < LOOKS:
        return [], np.zeros(0)
    least = rows.min(axis=0)
    kept = [
        place for place, kind in enumerate(looks.kinds) if kind.startswith(kinds) and math.isfinite(float(least[place]))
    ]
    return [looks.layers[place] for place in kept], least[kept]


def non_finite(case: Case) -> Finding | None:
    """A loss, a gradient or weights that were no number, with the first layer and step."""
    facts, steps = case.facts, case.history.steps
    bad = steps.step[~np.isfinite(steps.loss)]
    if not facts.failure and not facts.rollbacks and not len(bad):
        return None
    first = facts.failure_step or (int(bad[0]) if len(bad) else case.done)
    told = facts.failure or f"the loss was no number at step {first}"
    half = facts.setting("train.precision") == "fp16"
    settings = ("train.clip=1",) if facts.setting("train.clip") is None else ()
    rate = facts.number("train.lr")
    settings += (f"train.lr={rate / 10:.2g}",) if math.isfinite(rate) else ()
    return found(
        "non_finite", "error" if facts.failure or len(bad) else "warning",
        told + (f"; the run went back {facts.rollbacks} times" if facts.rollbacks else ""),
        "lower the learning rate and clip the gradient" + (", or compute in fp32" if half else ""),
        settings=settings + (("train.precision=fp32",) if half else ()),
        evidence={"step": first, "rollbacks": facts.rollbacks, "steps": len(bad)},
        threshold={"steps": 0},
    )  # fmt: skip


def unused(case: Case) -> Finding | None:
    """Parameters that shall learn and are never given a gradient."""
    names = list(case.facts.unused)
    if not names:
        return None
    return found(
        "unused_parameters", "warning",
        f"{len(names)} parameter{'s' if len(names) > 1 else ''} got no gradient in any step: {shortened(names, 3)}",
        "use them in the forward pass (a detach() or a branch that is never taken keeps the gradient away), or leave "
        "them out of the network",
        evidence={"parameters": names[:100], "count": len(names)}, threshold={"count": 0},
    )  # fmt: skip


def frozen(case: Case) -> Finding | None:
    """Parameters that do not learn though nobody asked for that, or a freeze that outlasts the run."""
    facts = case.facts
    whole = 0 < facts.steps <= facts.frozen and facts.setting("train.freeze") != "100%"
    if not facts.fixed and not whole:
        return None
    what = (
        f"the settings freeze for {facts.frozen} steps, and the run has {facts.steps}"
        if whole
        else f"{len(facts.fixed)} parameters ask for no gradient, and no setting freezes them: "
        f"{shortened(facts.fixed, 3)}"
    )
    return found(
        "frozen", "warning", what,
        "shorten the freeze, or say train.freeze=100% where it is meant" if whole
        else "set requires_grad in the model's own code, or freeze them by train.freeze where it is meant",
        settings=("train.freeze=20%",) if whole else (),
        evidence={"parameters": list(facts.fixed)[:100], "freeze": facts.frozen, "steps": facts.steps},
        threshold={"freeze": facts.steps},
    )  # fmt: skip


LAYERS: dict[str, Rule] = {
    "vanishing_gradients": vanishing,
    "exploding_gradients": exploding,
    "dead_relus": dead_relus,
    "saturated": saturated,
    "non_finite": non_finite,
    "unused_parameters": unused,
    "frozen": frozen,
}
"""By the name that their findings carry."""
