"""Every sample gets its part: in proportion, by seed, and with what belongs together in one part."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.data.split.apportion import Amount, Counts, deal_singles, fold_targets, part_targets, sizes
from sightline.data.split.assign import Units, assign
from sightline.data.split.moments import rows_by_time
from sightline.data.split.strata import with_strata
from sightline.errors import SplitError, shortened

TRAIN, VAL, TEST = range(3)


def split(
    samples: Samples,
    *,
    val: Amount,
    test: Amount,
    seed: int,
    units: NDArray[np.int32] | None = None,
    by_time: bool = False,
) -> Samples:
    """Give every sample a part.

    Parts that the data set gives are kept. Where it gives no validation part, one is taken from the training part;
    where it gives no parts at all, a test part too. Each class is divided in the same proportion, as near as what must
    stay together allows, at random by ``seed``; of labels and numbers see ``with_strata``.

    Args:
        samples: with or without parts.
        val: fraction (float) or number (int) of the samples to take for validation.
        test: fraction or number of the samples to take for the test.
        seed: equal seeds and samples give equal parts.
        units: a number for each sample, equal where samples must stay in one part (``units_of``); where missing, each
            stands alone.
        by_time: divide by ``samples.times``, the oldest for training and the newest for the test, not at random.

    Raises:
        SplitError: the sizes leave nothing to train on, or a class cannot be in every part.
    """
    wanted, parts = parts_to_make(samples, val, test), samples.parts.copy()
    if not wanted:
        parts[parts == UNASSIGNED] = TRAIN
        return dataclasses.replace(samples, parts=parts)
    parts[parts == TRAIN] = UNASSIGNED
    free = np.flatnonzero(parts == UNASSIGNED)
    _require_rest(wanted, len(free))
    own, samples = samples, with_strata(samples, len(wanted) + 1, free)
    counts = samples.counts(free)
    _require_enough(samples, counts, len(wanted))
    units = np.arange(len(samples), dtype=np.int32) if units is None else units
    parts[free] = TRAIN
    if by_time:
        rows = rows_by_time(samples, free, units, sizes(wanted, len(free)))
    else:
        free = free[samples.labels[free] >= 0]
        rows = _dealt(samples, free, units, part_targets(counts, wanted), seed)
    parts[free] = np.asarray([TRAIN, *wanted], np.int8)[rows]
    if own.kind == "class":
        _require_every_class(samples, free, units, rows, len(wanted) + 1, "parts")
    return dataclasses.replace(own, parts=parts)


def parts_to_make(samples: Samples, val: Amount, test: Amount) -> dict[int, Amount]:
    """The parts that the data set does not give and that have a size, with their sizes.

    Raises:
        SplitError: parts that make no sense.
    """
    given = set(np.unique(samples.parts).tolist())
    if given == {UNASSIGNED}:
        wanted = {VAL: val, TEST: test}
    elif UNASSIGNED in given:
        raise SplitError("some samples have a part and some have none", hint="give every sample a part, or none")
    elif TRAIN not in given:
        raise SplitError("the data set gives no training part", got=", ".join(PARTS[part] for part in sorted(given)))
    else:
        wanted = {} if VAL in given else {VAL: val}
    return {part: amount for part, amount in wanted.items() if amount > 0}


def fold_parts(
    samples: Samples, *, folds: int, val: Amount, seed: int, units: NDArray[np.int32] | None = None
) -> list[Samples]:
    """The samples with the parts of each fold: every sample is in the test part of exactly one.

    The validation part is taken from what a fold does not test, with the same rules as ``split``.

    Raises:
        SplitError: the data set gives parts, or a class cannot be in every fold.
    """
    if not (samples.parts == UNASSIGNED).all():
        raise SplitError(
            "the data set gives its own parts, so there is nothing to divide into folds",
            where="--folds",
            got=", ".join(PARTS[part] for part in np.unique(samples.parts) if part >= 0),
            hint="give the images without their parts: a CSV without the split column, or one folder of class folders",
        )
    own, samples = samples, with_strata(samples, folds, np.arange(len(samples)))
    counts = samples.counts()
    small = [f"{samples.classes[c]} ({counts[c]})" for c in np.flatnonzero((counts > 0) & (counts < folds))]
    if small:
        raise SplitError(
            f"classes with too few images to be in every fold (at least {folds} are needed)",
            got=shortened(small),
            hint="add images, merge or remove the classes, or ask for fewer folds",
        )
    units = np.arange(len(samples), dtype=np.int32) if units is None else units
    known = np.flatnonzero(samples.labels >= 0)
    rows = _dealt(samples, known, units, fold_targets(counts, folds), seed)
    if own.kind == "class":
        _require_every_class(samples, known, units, rows, folds, "folds")
    made: list[Samples] = []
    for fold in range(folds):
        parts = np.full(len(samples), TRAIN, np.int8)
        parts[known[rows == fold]] = TEST
        made.append(
            split(dataclasses.replace(own, parts=parts), val=val, test=0, seed=seed, units=units)
        )  # fmt: skip
    return made


def _dealt(
    samples: Samples, free: NDArray[np.int64], units: NDArray[np.int32], target: Counts, seed: int
) -> NDArray[np.int16]:
    """A row of ``target`` for each of the samples ``free``: whole units first, then the samples that stand alone."""
    labels, rows, have = samples.labels[free], np.zeros(len(free), np.int16), np.zeros_like(target)
    _, unit, size = np.unique(units[free], return_inverse=True, return_counts=True)
    joined = size[unit] > 1
    if joined.any():
        _, number = np.unique(unit[joined], return_inverse=True)
        rows[joined] = assign(Units.of(number, labels[joined], len(samples.classes)), target, seed)[number]
        np.add.at(have, (rows[joined], labels[joined]), 1)
    rows[~joined] = deal_singles(labels[~joined], have, target, seed)
    return rows


def _require_rest(wanted: dict[int, Amount], count: int) -> None:
    val, test = (wanted.get(part, 0) for part in (VAL, TEST))
    if all(isinstance(amount, float) for amount in wanted.values()):
        if sum(wanted.values()) >= 1:
            raise SplitError(
                "nothing is left to train on", where="data.val, data.test", got=f"{val:g} + {test:g}",
                allowed=["below 1"],
            )  # fmt: skip
    elif sum(sizes(wanted, count).values()) >= count:
        raise SplitError(
            "nothing is left to train on", where="data.val, data.test", got=f"{val:g} + {test:g}",
            allowed=[f"below {count} images in all"],
        )  # fmt: skip


def _require_enough(samples: Samples, counts: Counts, wanted: int) -> None:
    small = [f"{samples.classes[c]} ({counts[c]})" for c in np.flatnonzero((counts > 0) & (counts <= wanted))]
    if small:
        raise SplitError(
            f"classes with too few images to be in every part (at least {wanted + 1} are needed)",
            got=shortened(small),
            hint="add images, merge or remove the classes, or ask for fewer parts with -s data.test=0",
        )


def _require_every_class(
    samples: Samples,
    free: NDArray[np.int64],
    units: NDArray[np.int32],
    rows: NDArray[np.int16],
    count: int,
    noun: str,
) -> None:
    """Refuse a division in which a class is missing somewhere, which only whole units or times can cause."""
    labels, told = samples.labels[free], list[str]()
    for label in np.unique(labels[labels >= 0]):
        mine = labels == label
        if len(np.unique(rows[mine])) < count:
            pieces = len(np.unique(units[free[mine]]))
            told.append(f"{samples.classes[label]} ({mine.sum()} images in {pieces} pieces)")
    if told:
        raise SplitError(
            f"classes that are not in every one of the {count} {noun} when what belongs together stays together",
            got=shortened(told),
            hint="add images from other groups or times, merge or remove the classes, ask for fewer or larger "
            f"{noun}, or allow groups to be divided with -s data.group=none",
        )
