"""Which stored predictions are about the same images: by path and by the checksum in the split of each run."""

import csv
import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.data.split import read_split, written
from sightline.errors import DataError, shortened
from sightline.evaluation.predictions import Predictions
from sightline.run import Run

Key = tuple[str, str, int]
"""Path and checksum of an image, and how often both came before in the same list."""


@dataclasses.dataclass(frozen=True, eq=False)
class Aligned:
    """Predictions about the same images in the same order, with the classes in the same order."""

    predictions: list[Predictions]
    groups: NDArray[np.int64] | None
    """Group of each image, where the split of the first run names groups."""
    left_out: list[int]
    """Of each run, the images that not all runs were measured on."""


def aligned(runs: Sequence[Run], stored: Sequence[Predictions], *, common: bool) -> Aligned:
    """Bring predictions of several runs into the order of the first.

    Args:
        runs: where the splits lie.
        stored: what each said of a part.
        common: compare on the images that all have, where they do not have the same.

    Raises:
        DataError: the runs answer other questions, were measured on other images, or do not agree about the truth of
            one; says which.
    """
    first = stored[0]
    for run, one in zip(runs[1:], stored[1:], strict=True):
        if one.kind != first.kind or set(one.classes) != set(first.classes):
            raise DataError(
                f"{run.folder} answers another question than {runs[0].folder}", where="compare",
                got=f"{one.kind}: {shortened(one.classes)}", allowed=[f"{first.kind}: {shortened(first.classes)}"],
            )  # fmt: skip
    keys = [_keys(run, one) for run, one in zip(runs, stored, strict=True)]
    shared = set(keys[0]).intersection(*keys[1:])
    if not common:
        _refuse_others(runs, stored, keys)
    if not shared:
        raise DataError(
            "the runs have no image in common", where="compare", got=f"the {first.part} parts of {len(runs)} runs",
            hint="train them on one split file (sightline split)",
        )  # fmt: skip
    wanted = [key for key in keys[0] if key in shared]
    places = [dict(zip(own, range(len(own)), strict=True)) for own in keys]
    rows = [np.asarray([where[key] for key in wanted], np.int64) for where in places]
    taken = [_taken(one, own, first.classes) for one, own in zip(stored, rows, strict=True)]
    known = np.ones(len(wanted), np.bool_) if first.kind != "class" else taken[0].labels >= 0
    if not known.all():
        taken = [_taken(one, np.flatnonzero(known), first.classes) for one in taken]
    _refuse_other_truths(runs, taken)
    groups = groups_of(runs[0], [key[0] for key in wanted])
    return Aligned(
        taken, None if groups is None else groups[known], [len(own) - int(known.sum()) for own in keys]
    )  # fmt: skip


def _keys(run: Run, predictions: Predictions) -> list[Key]:
    split = read_split(run.split)
    checksum = dict(zip(split.paths, split.sha256, strict=True))
    seen: dict[tuple[str, str], int] = {}
    found: list[Key] = []
    for path in map(written, predictions.paths):
        pair = (path, checksum.get(path, ""))
        found.append((*pair, seen.get(pair, 0)))
        seen[pair] = seen.get(pair, 0) + 1
    return found


def _refuse_others(runs: Sequence[Run], stored: Sequence[Predictions], keys: list[list[Key]]) -> None:
    """Refuse runs that were measured on other images than the first.

    Raises:
        DataError: says how many are missing, and whether files of one name have other contents.
    """
    for run, own in zip(runs[1:], keys[1:], strict=True):
        both = set(own) & set(keys[0])
        if len(both) == len(own) == len(keys[0]):
            continue
        changed = len({key[0] for key in own} & {key[0] for key in keys[0]}) - len({key[0] for key in both})
        words = f"{len(both)} images in common, {len(keys[0]) - len(both)} only in the first, {len(own) - len(both)} "
        words += f"only in the second{f', {changed} of one name with other contents' if changed > 0 else ''}"
        raise DataError(
            f"{run.folder} and {runs[0].folder} were not measured on the same images, so no paired test is possible",
            where=f"part {stored[0].part}", got=words,
            hint="train both on one split file (sightline split), or add --common to compare on the images in common"
            if both else "train both on one split file (sightline split)",
        )  # fmt: skip


def _refuse_other_truths(runs: Sequence[Run], taken: Sequence[Predictions]) -> None:
    first = taken[0]
    for run, one in zip(runs[1:], taken[1:], strict=True):
        if first.truths is None or one.truths is None:
            differ = one.labels != first.labels
        else:
            differ = (one.truths != first.truths).any(axis=1)
        if differ.any():
            raise DataError(
                f"{run.folder} and {runs[0].folder} were measured with other labels of the same images",
                where="compare",
                got=shortened([first.paths[place] for place in np.flatnonzero(differ).tolist()]),
                hint="evaluate both with the same labels",
            )  # fmt: skip


def _taken(own: Predictions, rows: NDArray[np.int64], classes: Sequence[str]) -> Predictions:
    """These rows, with the classes in this order."""
    columns = np.asarray([own.classes.index(name) for name in classes], np.int64)
    place = np.empty(len(columns), np.int32)
    place[columns] = np.arange(len(columns))
    labels = own.labels[rows]
    return dataclasses.replace(
        own,
        paths=own.paths.take(rows),
        labels=np.where(labels >= 0, place[labels], -1).astype(np.int32),
        logits=own.logits[rows][:, columns],
        truths=None if own.truths is None else own.truths[rows][:, columns],
        classes=tuple(classes),
        outputs=None if own.outputs is None else own.outputs.in_order(columns.tolist()),
    )


def groups_of(run: Run, paths: Sequence[str]) -> NDArray[np.int64] | None:
    """Group of each of these images by the split of a run; ``None``: it names none.

    Args:
        run: whose split it is.
        paths: as the split holds them, see ``written``.
    """
    with run.split.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if "group" not in (table.fieldnames or ()):
            return None
        of = {row["path"]: row["group"] for row in table}
    codes: dict[str, int] = {}
    return np.asarray([codes.setdefault(of[path], len(codes)) for path in paths], np.int64)
