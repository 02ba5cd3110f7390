"""Rules about labels, parts, and what differs between training and validation."""

import math

import numpy as np

from sightline.diagnosis.case import Case, Rule, found
from sightline.diagnosis.noise import CERTAIN, interval, mean_and_error, share_error
from sightline.diagnosis.remedies import normalized
from sightline.findings import Finding

DOUBTFUL = 0.06
"""Share of labels that a model confidently disbelieves. On clean labels confident learning doubts about half as many
as the model gets wrong: 6 % with small networks on Fashion-MNIST. Benchmarks' own labels are 3 % wrong."""
MANY_COPIES = 0.01
"""Share of a part that lies in the training part as well, from which on its figures say something else."""
EASIER = 0.2
"""Share of the loss on training images that is missing on validation images."""
LATE = 3
"""Evaluations that must agree: at the beginning anything may be easier for a while."""
LAG = 10.0
"""Time constants of an average of the weights after which its beginning is forgotten (exp(-10))."""
TINY = 4
"""Images in a batch at and below which batch statistics are noise: the variance of a channel over 4 images is off by
its own size, sqrt(2 / 3), where a map has only few places."""
SMALL = 16
"""Images in a batch below which a gap between the modes is laid to batch statistics."""
WORSE = 0.1
"""Accuracy that images the network learnt from lose, seen as validation sees them."""
WIDE = 0.05
"""Half the width of the 95 % interval of the validation accuracy: differences between settings are smaller."""
GOOD = 0.95
"""Accuracy that is assumed while a training goes on: at a half, which is passed on the way, any is known least."""
NORMAL = 1.96
"""Standard errors of a 95 % interval."""


def label_noise(case: Case) -> Finding | None:
    """The run confidently disbelieves many labels of images that it did not learn from."""
    facts = case.facts
    low = interval(facts.doubtful, facts.doubted)[0]
    if not facts.doubted or low <= DOUBTFUL:
        return None
    return found(
        "label_noise", "warning",
        f"{facts.doubtful} of {facts.doubted} labels are confidently disbelieved ({facts.doubtful / facts.doubted:.0%},"
        f" at least {low:.0%})",
        "look at them: sightline check DATA --run RUN lists the most doubtful first; a smoothed or robust loss helps "
        "a little",
        settings=("train.loss.label_smoothing=0.1",)
        if facts.setting("train.loss.name") == "cross_entropy" and facts.number("train.loss.label_smoothing") < 0.1
        else (),
        evidence={"doubtful": facts.doubtful, "asked": facts.doubted, "low": low}, threshold={"low": DOUBTFUL},
    )  # fmt: skip


def copies(case: Case) -> Finding | None:
    """Images of the validation or test part that lie in the training part as well, byte by byte."""
    shares = {part: n / max(1, case.facts.images.get(part, 0)) for part, n in case.facts.copies.items() if n}
    if not shares:
        return None
    part = max(shares, key=lambda name: shares[name])
    many = shares[part] >= MANY_COPIES
    return found(
        "copies_across_parts", "warning" if many else "note",
        f"{case.facts.copies[part]} of {case.facts.images[part]} {part} images ({shares[part]:.1%}) lie in the "
        "training part as well, byte by byte",
        "give no parts and let the split keep copies together, or leave them out with sightline check and data.exclude",
        evidence={"share": shares[part], "part": part, "copies": case.facts.copies[part]},
        threshold={"share": MANY_COPIES},
    )  # fmt: skip


def easier_validation(case: Case) -> Finding | None:
    """Validation images are known far better than images that were learnt from."""
    evals = case.history.evals
    if len(evals) < LATE or not case.warm or not case.has("seen_loss", "seen_n", "loss_sd", "seen_loss_sd"):
        return None
    late = slice(-LATE, None)
    count = max(1.0, float(case.facts.images.get("val", 0)))
    errors = np.hypot(
        evals.loss_sd[late] / math.sqrt(count), evals.seen_loss_sd[late] / np.sqrt(np.maximum(evals.seen_n[late], 1.0))
    )
    missing = evals.seen_loss[late] - evals.loss[late]
    bounds = np.maximum(EASIER * evals.seen_loss[late], CERTAIN * errors)
    if not (missing > bounds).all():
        return None
    return found(
        "easier_validation", "warning",
        f"validation loss {evals.loss[-1]:.3f} is {missing[-1]:.3f} below that of images it learnt from "
        f"({evals.seen_loss[-1]:.3f}), {missing[-1] / errors[-1]:.1f} standard errors",
        "make both parts by one split: these are of another kind, differently labeled, or known by some other way; "
        "sightline check compares their files",
        evidence={"missing": float(missing[-1]), "error": float(errors[-1])},
        threshold={"missing": float(bounds[-1])},
    )  # fmt: skip


def _mode_gap(case: Case) -> tuple[float, float, float] | None:
    """How much better images are known in training than the same, in evaluation mode and without augmentation.

    Returns:
        Accuracy in training, in evaluation, and the error of the difference; ``None``: not known.
    """
    evals, steps = case.history.evals, case.history.steps
    if case.history.figure != "accuracy" or len(evals) < LATE or not case.warm or not case.has("seen_score", "seen_n"):
        return None
    ema = case.facts.number("train.ema")
    if case.done * (1 - ema) < LAG:
        return None  # the average that is judged still holds the beginning
    if case.facts.setting("data.mixup") or case.facts.setting("data.cutmix"):
        return None  # the accuracy over mixed images is no accuracy
    if case.facts.setting("data.sampler") not in (None, "none", "auto"):
        return None  # what is drawn more often is known better, and is not what is judged
    near = steps.score[: int(np.searchsorted(steps.step, evals.step[-1], side="right"))]
    trained, noise = mean_and_error(near[-max(10, case.facts.per_epoch) :])
    seen = float(np.nanmax(evals.seen_score[-LATE:]))
    error = math.hypot(share_error(seen, float(evals.seen_n[-1])), noise if math.isfinite(noise) else 0.0)
    return trained, seen, error


def preprocessing(case: Case) -> Finding | None:
    """The network knows its training images as the augmentation shows them, and not as validation does."""
    gap = _mode_gap(case)
    if gap is None or (_normalizes(case) and case.micro_batch < SMALL):
        return None
    trained, seen, error = gap
    if not trained - seen > max(WORSE, CERTAIN * error):
        return None
    return found(
        "preprocessing", "error",
        f"training images are right in {trained:.0%} of the cases as the augmentation shows them, and in {seen:.0%} as "
        "validation does",
        "look at both with sightline augment: sizes, colors and what is left in the frame must be alike",
        settings=("data.augment=light",) if case.facts.setting("data.augment") not in ("light", "none") else (),
        evidence={"trained": trained, "seen": seen, "error": error, "gap": trained - seen},
        threshold={"gap": max(WORSE, CERTAIN * error)},
    )  # fmt: skip


def batch_norm(case: Case) -> Finding | None:
    """Batch norm with batches too small for it, or whose running statistics do not fit."""
    micro = case.micro_batch
    if not _normalizes(case) or not math.isfinite(micro) or micro >= SMALL:
        return None
    gap = _mode_gap(case)
    worse = gap is not None and gap[0] - gap[1] > max(WORSE, CERTAIN * gap[2])
    if micro > TINY and not worse:
        return None
    told = f"; training images are right in {gap[0]:.0%} in training mode and in {gap[1]:.0%} in evaluation" if (
        gap is not None and worse
    ) else ""  # fmt: skip
    divided = case.facts.number("train.accumulate") > 1
    settings = (("train.accumulate=1",) if divided else ("train.batch_size=32",)) + normalized(case.facts, "group")
    if case.facts.setting("model.name") != "cnn":
        settings = settings[:1]
    return found(
        "batch_norm", "warning",
        f"batch norm sees {micro:g} images at a time{told}",
        "use larger batches or fewer micro-batches, or a normalization that does not look at other images",
        settings=settings,
        evidence={"images": micro, "gap": gap[0] - gap[1] if gap is not None else None},
        threshold={"images": SMALL if worse else TINY + 1},
    )  # fmt: skip


def _normalizes(case: Case) -> bool:
    """Whether a batch norm learns: the statistics of a frozen one stay what they were."""
    looks = case.history.looks
    learns = np.isfinite(looks.of_learning("weight_norm")[-1:])
    return any(bool(learns[:, place].any()) for place, kind in enumerate(looks.kinds) if "BatchNorm" in kind)


def noisy_metric(case: Case) -> Finding | None:
    """There are too few validation images to tell settings apart."""
    evals = case.history.evals
    count = float(case.facts.images.get("val", 0))
    if not len(evals) or case.history.figure != "accuracy" or not count or not case.warm:
        return None
    score = float(evals.score[-1]) if case.over else max(GOOD, float(evals.score[-1]))
    low, high = interval(score * count, count, NORMAL)
    half = (high - low) / 2
    if half <= WIDE:
        return None
    wanted = math.ceil(NORMAL**2 * score * (1 - score) / 0.03**2) if 0 < score < 1 else 4 * count
    return found(
        "noisy_metric", "note",
        f"validation accuracy {score:.3f} of {count:.0f} images is known to ± {half:.3f} only",
        f"judge by cross-validation, or hold more images out: about {wanted:.0f} for ± 0.03",
        evidence={"half": half, "images": count, "accuracy": score}, threshold={"half": WIDE},
    )  # fmt: skip


PARTS: dict[str, Rule] = {
    "label_noise": label_noise,
    "copies_across_parts": copies,
    "easier_validation": easier_validation,
    "preprocessing": preprocessing,
    "batch_norm": batch_norm,
    "noisy_metric": noisy_metric,
}
"""By the name that their findings carry."""
