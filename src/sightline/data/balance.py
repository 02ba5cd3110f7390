"""Classes of unequal size and samples of unequal weight: what counts make of them, for the sampler and for the loss.

Everything here follows from the training part and the settings alone, so a resumed run and every rank find the same.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline import plug
from sightline.data.order import epoch_order, weighted_order
from sightline.data.samples import Samples
from sightline.errors import ConfigError, DataError, PlugError, did_you_mean, shortened

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
ClassWeights = str | Sequence[float] | Mapping[str, float]
"""``none``, ``inverse``, ``effective``, one number a class, or numbers by class name."""
WEIGHTS = "data.sampler=weights"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Balance:
    """How the training part is drawn and weighed."""

    order: Callable[[int], Places]
    """From the epoch to the places in the training part, in the order in which they are used."""
    drawn: bool
    """Whether that order draws samples by chance, some several times and some never, in place of each one once."""
    class_weights: Floats | None
    """``[classes]``: weight of each class in the loss, or of the images that have a label; ``None``: all weigh the
    same."""
    sample_weights: NDArray[np.float32] | None
    """``[samples]``: weight of each sample of the data set in the loss; ``None``: all weigh the same."""
    account: dict[str, Any]
    """The same for people: counts, ratio, weights."""


def balance(
    samples: Samples, indices: Places, *, seed: int, sampler: str, class_weights: ClassWeights, beta: float
) -> Balance:
    """Settle order and weights of the training samples.

    Weights are scaled so that their mean over the samples that an epoch draws is 1: sample weights by themselves, and
    class weights over samples that already weigh so. The loss keeps its scale, and the learning rate its meaning.

    Args:
        samples: the whole data set.
        indices: places of the training samples.
        seed: decides the order.
        sampler: ``none``, a key of ``SAMPLERS``, or ``my_file:thing``.
        class_weights: ``none``, ``inverse``, ``effective``, one number a class, or numbers by class name.
        beta: of the effective number of samples.

    Raises:
        ConfigError: the weights do not fit the classes, or make no sense.
        DataError: the sample weights make no sense.
        PlugError: the sampler is unknown, or the user's own gives no chances.
    """
    given = _given_weights(samples, indices)
    chances = None if sampler == "none" else _chances(sampler, samples, indices)
    draws = np.ones(len(indices)) if chances is None else chances * len(indices)
    in_loss = None if sampler == "weights" else given
    if in_loss is not None:
        in_loss = in_loss * (draws.sum() / float((draws * in_loss[indices]).sum()))
    mass = draws if in_loss is None else draws * in_loss[indices]
    weights = _weights(samples, indices, mass, class_weights, beta)
    order = functools.partial(epoch_order, seed, count=len(indices))
    if chances is not None:
        order = functools.partial(weighted_order, seed, chances=chances, strata=samples.labels[indices])
    return Balance(
        order=order,
        drawn=chances is not None,
        class_weights=weights,
        sample_weights=None if in_loss is None else in_loss.astype(np.float32),
        account=_account(samples, indices, sampler, weights, in_loss),
    )


def _weights(
    samples: Samples, indices: Places, mass: Floats, wanted: ClassWeights, beta: float
) -> Floats | None:  # fmt: skip
    """Weights of classes or labels, from how much the training samples of each weigh together."""
    if samples.targets is None:
        counts = np.bincount(samples.labels[indices], weights=mass, minlength=len(samples.classes))
        return weights_of_classes(wanted, counts.astype(np.float64), samples.classes, beta)
    if samples.kind == "labels":
        counts = (samples.targets[indices] * mass[:, None]).sum(axis=0)
        return weights_of_labels(wanted, counts, float(mass.sum()), samples.classes, beta)
    if wanted != "none":
        raise _senseless("numbers have no classes to weigh", wanted, "remove it; a weight column weighs the images")
    return None


def imbalance_ratio(counts: NDArray[np.integer[Any]]) -> float:
    """Samples of the largest class for one of the smallest; classes without any do not count."""
    present = counts[counts > 0]
    return float(present.max() / present.min()) if len(present) else 1.0


def weights_of_classes(wanted: ClassWeights, counts: Floats, classes: Sequence[str], beta: float) -> Floats | None:
    """Class weights whose mean over the samples is 1; ``None`` where nothing is to be weighed.

    ``inverse``: in inverse proportion to the counts, so that all classes weigh the same in total (scikit-learn's
    ``balanced``). ``effective``: in inverse proportion to the effective number of samples ``(1 - beta^n) / (1 - beta)``
    (Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019). A class without samples gets 1.

    Args:
        wanted: the rule, or the weights themselves; classes that a mapping leaves out weigh as much as 1 in it.
        counts: samples of each class, each counted with its own weight.
        classes: the names, for mappings and messages.
        beta: above 0 (towards 0, all classes weigh the same) and below 1 (towards 1, as by ``inverse``).

    Raises:
        ConfigError: a wrong number of weights, an unknown class, weights that are negative, not finite or all zero.
    """
    if wanted == "none":
        return None
    present = counts > 0
    if isinstance(wanted, str):
        sizes = counts if wanted == "inverse" else -np.expm1(counts * np.log(beta))
        weights = np.divide(1.0, sizes, out=np.zeros(len(counts)), where=present)
    else:
        weights = _listed(wanted, classes)
        if not (weights[present] > 0).any():
            raise _senseless("every class with training images weighs 0", wanted, "give one of them a weight above 0")
    scaled = weights * (counts.sum() / float(counts @ weights))
    return np.where(present, scaled, 1.0) if isinstance(wanted, str) else scaled


def weights_of_labels(
    wanted: ClassWeights, counts: Floats, total: float, labels: Sequence[str], beta: float
) -> Floats | None:  # fmt: skip
    """Weights of the images that have a label, where those that have not weigh 1; ``None``: 1, too.

    ``inverse``: as many times as there are more images without it, so that both sides weigh the same. ``effective``:
    the same with effective numbers of samples (see ``weights_of_classes``). Given weights are taken as they are.

    Args:
        wanted: the rule, or the weights themselves; labels that a mapping leaves out weigh 1.
        counts: samples that have each label, each counted with its own weight.
        total: of all samples.
        labels: the names.
        beta: of the effective numbers.

    Raises:
        ConfigError: a wrong number of weights, an unknown label, weights that are negative, not finite or all 1.
    """
    if wanted == "none":
        return None
    if not isinstance(wanted, str):
        return _listed(wanted, labels, idle=1.0)
    with_it, without = counts, total - counts
    if wanted == "effective":
        with_it, without = -np.expm1(with_it * np.log(beta)), -np.expm1(without * np.log(beta))
    usable = (counts > 0) & (counts < total)
    return np.divide(without, with_it, out=np.ones(len(counts)), where=usable)


def by_classes(samples: Samples, indices: Places) -> Floats:
    """Every class as often as any other."""
    if samples.targets is not None:
        raise ConfigError(
            "an image has no single class to be drawn by", where="data.sampler", got="classes",
            hint="remove it, or set data.sampler=weights with a weight column",
        )  # fmt: skip
    labels = samples.labels[indices]
    return 1.0 / samples.counts(indices)[labels]


def by_weights(samples: Samples, indices: Places) -> Floats:
    """In proportion to the weights that came with the data."""
    if samples.weights is None:
        raise ConfigError(
            "there are no weights to sample by", where=WEIGHTS,
            hint="give the CSV a weight column, or set data.sampler=classes",
        )  # fmt: skip
    return samples.weights[indices].astype(np.float64)


SAMPLERS: dict[str, Callable[[Samples, Places], Floats]] = {"classes": by_classes, "weights": by_weights}
"""Samplers: (samples, places of the training part) to how often each of these is wanted, in any unit."""


def _given_weights(samples: Samples, indices: Places) -> Floats | None:
    """The data's own weights, where they are weights; ``None`` where they make no difference."""
    if samples.weights is None:
        return None
    weights = samples.weights.astype(np.float64)
    bad = indices[~(np.isfinite(weights[indices]) & (weights[indices] >= 0))]
    if len(bad):
        got = shortened([f"{samples.paths[int(index)]}: {weights[index]:g}" for index in bad[:6]])
        raise DataError(
            f"{len(bad)} training images have weights that are negative or no numbers",
            where=str(samples.root), got=got, allowed=["numbers from 0 up"], hint="correct the weight column",
        )  # fmt: skip
    own = weights[indices]
    if not own.any():
        raise DataError(
            f"all {len(indices)} training images weigh 0: there is nothing to learn",
            where=str(samples.root), hint="give some of them a weight above 0, or remove the weight column",
        )  # fmt: skip
    return None if own.min() == own.max() else weights


def _chances(name: str, samples: Samples, indices: Places) -> Floats:
    """The chance of each training sample at each draw; they add up to 1."""
    wanted = np.asarray(plug.resolve("sampler", name, SAMPLERS, "data.sampler")(samples, indices), np.float64)
    sound = wanted.shape == indices.shape and bool((np.isfinite(wanted) & (wanted >= 0)).all() and wanted.any())
    if not sound:
        raise PlugError(
            f"the sampler {name} gives no chances", where="data.sampler", got=f"shape {list(wanted.shape)}",
            allowed=[f"{len(indices)} numbers from 0 up, not all of them 0"],
        )  # fmt: skip
    return wanted / wanted.sum()


def _listed(
    wanted: Sequence[float] | Mapping[str, float], classes: Sequence[str], idle: float | None = None
) -> Floats:  # fmt: skip
    """Weights that were given by hand, in the order of the classes; equal ones do nothing, or only if they are this."""
    if isinstance(wanted, Mapping):
        unknown = sorted(set(wanted) - set(classes))
        if unknown:
            hint = did_you_mean(unknown[0], list(classes))
            what = f"no class is called {shortened([repr(name) for name in unknown])}"
            raise ConfigError(what, where="train.loss.class_weights", allowed=classes, hint=hint)
        numbers = [float(wanted.get(name, 1.0)) for name in classes]
    else:
        numbers = [float(number) for number in wanted]
    if len(numbers) != len(classes):
        what = f"{len(numbers)} weights for {len(classes)} classes"
        raise _senseless(what, wanted, f"give one for each, in this order: {', '.join(classes)}; or {{name: weight}}")
    weights = np.asarray(numbers, np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise _senseless("class weights must be numbers from 0 up", wanted, "correct them")
    if weights.min() == weights.max() and idle in (None, weights.min()):
        why = "all classes weigh the same"
        raise _senseless(f"train.loss.class_weights has no effect: {why}", wanted, "remove it, or weigh one class more")
    return weights


def _senseless(what: str, got: Any, hint: str) -> ConfigError:
    return ConfigError(what, where="train.loss.class_weights", got=got, hint=hint)


def _account(
    samples: Samples, indices: Places, sampler: str, class_weights: Floats | None, in_loss: Floats | None
) -> dict[str, Any]:
    counts = samples.counts(indices)
    told: dict[str, Any] = {
        "counts": {} if samples.kind == "numbers" else dict(zip(samples.classes, counts.tolist(), strict=True)),
        "kind": samples.kind,
        "images": len(indices),
        "ratio": round(imbalance_ratio(counts), 4),
        "sampler": sampler,
        "class_weights": None,
        "sample_weights": None,
        "weights_sha256": None,
    }
    if samples.weights is not None:  # to see later that they are still the same
        told["weights_sha256"] = hashlib.sha256(samples.weights[indices].astype("<f4").tobytes()).hexdigest()
    if class_weights is not None:
        told["class_weights"] = {
            name: round(weight, 6) for name, weight in zip(samples.classes, class_weights.tolist(), strict=True)
        }
    if in_loss is not None:
        own = in_loss[indices]
        told["sample_weights"] = {"lowest": round(float(own.min()), 6), "highest": round(float(own.max()), 6)}
    return told
