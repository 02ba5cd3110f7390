"""Division by time: the oldest samples train, the newest test."""

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import PARTS, Samples
from sightline.errors import SplitError, shortened

_NEAR = 0.5
"""How far, as a fraction of the size asked for, a part may be off so that equal times and groups stay together."""


def rows_by_time(
    samples: Samples, free: NDArray[np.int64], units: NDArray[np.int32], sizes: dict[int, int]
) -> NDArray[np.int16]:
    """For each of the samples ``free`` 0 for training, or 1, 2 … for the parts in ``sizes``, from old to new.

    The cuts lie where they come nearest to the sizes asked for without dividing samples of one time or of one unit.

    Args:
        samples: with times.
        free: places of the samples to divide.
        units: of every sample, what must stay together.
        sizes: how many samples each part should get, in the order of time.

    Raises:
        SplitError: samples without a time; no cut near enough; names what lies across it.
    """
    if samples.times is None:
        raise SplitError(
            "there are no times to divide by",
            where="data.time",
            got=f"the {samples.format} reader gives none",
            hint="give a CSV with a column time that holds numbers or ISO dates, or remove data.time",
        )
    lacking = free[np.isnan(samples.times[free])]
    if len(lacking):
        raise SplitError(
            f"{len(lacking)} of {len(free)} images have no time that can be used",
            where="data.time",
            got=shortened([samples.paths[int(place)] for place in lacking[:5]], most=5),
            allowed=["numbers in every row", "ISO dates in every row, such as 2026-05-31 or 2026-05-31T14:00:00"],
        )
    order = free[np.argsort(samples.times[free], kind="stable")]
    wanted = np.cumsum([len(free) - sum(sizes.values()), *sizes.values()])[:-1]
    cuts = _cuts(_possible(samples.times[order], units[order]), wanted)
    _require_near(samples, order, units, sizes, cuts, wanted)
    rows = np.empty(len(free), np.int16)
    rows[np.searchsorted(free, order)] = np.searchsorted(cuts, np.arange(len(order)), side="right")
    return rows


def _possible(times: NDArray[np.float64], units: NDArray[np.int32]) -> NDArray[np.int64]:
    """Places at which a cut divides neither samples of one time nor of one unit; the samples are in order of time."""
    _, first, inverse = np.unique(units, return_index=True, return_inverse=True)
    last = np.zeros(len(first), np.int64)
    np.maximum.at(last, inverse, np.arange(len(units)))
    opened = np.zeros(len(units) + 1, np.int64)
    np.add.at(opened, first + 1, 1)
    np.add.at(opened, last + 1, -1)
    places = np.arange(1, len(units))
    return places[(np.cumsum(opened)[1:-1] == 0) & (times[1:] > times[:-1])]


def _cuts(possible: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the possible cuts the nearest to each wanted one."""
    if not len(possible):
        return np.zeros(len(wanted), np.int64)
    return possible[np.abs(possible[None, :] - wanted[:, None]).argmin(axis=1)]


def _require_near(
    samples: Samples,
    order: NDArray[np.int64],
    units: NDArray[np.int32],
    sizes: dict[int, int],
    cuts: NDArray[np.int64],
    wanted: NDArray[np.int64],
) -> None:
    got = np.diff([0, *cuts, len(order)])
    asked = np.diff([0, *wanted, len(order)])
    if (np.abs(got - asked) <= _NEAR * asked).all():
        return
    lines: list[str] = []
    for cut in wanted.tolist():
        torn = np.intersect1d(units[order[:cut]], units[order[cut:]])
        lines += [f"{samples.paths[int(place)]} and what belongs to it" for place in _first(order, units, torn[:3])]
    names = [PARTS[0], *(PARTS[part] for part in sizes)]
    told = ", ".join(f"{name} {n}" for name, n in zip(names, asked.tolist(), strict=True))
    raise SplitError(
        "no point in time divides the images into parts of about these sizes",
        where="data.time",
        got=f"asked for {told}; across the wanted cuts lie "
        + (shortened(list(dict.fromkeys(lines))) if lines else "images of one and the same time"),
        hint="ask for other sizes, or let groups be divided with data.group=none or copies with data.duplicates=apart",
    )


def _first(order: NDArray[np.int64], units: NDArray[np.int32], torn: NDArray[np.int32]) -> list[int]:
    """The oldest sample of each of these units."""
    return [int(order[np.argmax(units[order] == unit)]) for unit in torn.tolist()]
