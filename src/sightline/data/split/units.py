"""What must stay together: samples of one group, copies of one image, and whatever these join."""

import dataclasses
import re

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import Samples
from sightline.errors import ConfigError, SplitError, shortened

AUTO, NONE = "auto", "none"
"""Values of ``data.group`` that are no patterns: the column of the table where there is one; no groups at all."""


def with_groups(samples: Samples, group: str) -> Samples:
    """The samples with the groups that ``data.group`` asks for.

    Args:
        samples: with the groups of the data set, if it has any.
        group: ``auto``: as they are; ``none``: without; else a regular expression to find in each path, whose first
            capture group, or whole match, is the name of the group.

    Raises:
        ConfigError: no regular expression, or ``none`` where there are no groups anyway.
        SplitError: paths in which it finds nothing; names some.
    """
    if group == AUTO:
        return samples
    if group == NONE:
        if samples.groups is None:
            raise ConfigError(
                "data.group has no effect: the data set has no groups", where="data.group", got=NONE, hint="remove it"
            )
        return dataclasses.replace(samples, groups=None, group_names=())
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise ConfigError(
            "data.group is no regular expression",
            where="data.group",
            got=f"{group} ({error})",
            allowed=[AUTO, NONE, r"a regular expression such as patient(\d+)"],
        ) from error
    return _by_pattern(samples, pattern)


def _by_pattern(samples: Samples, pattern: re.Pattern[str]) -> Samples:
    names: list[str] = []
    outside: list[str] = []
    for path in samples.paths:
        found = pattern.search(path)
        name = "" if found is None else found[1 if pattern.groups else 0]
        if not name:
            outside.append(path)
        names.append(name or "")
    if outside:
        raise SplitError(
            f"{pattern.pattern} finds no group in {len(outside)} of {len(samples)} paths",
            where="data.group",
            got=shortened(outside),
            hint="write a pattern that finds the group in every path; its first (…) is the name of the group",
        )
    known, codes = np.unique(np.asarray(names, object), return_inverse=True)
    return dataclasses.replace(samples, groups=codes.astype(np.int32), group_names=tuple(str(name) for name in known))


def units_of(groups: NDArray[np.int32] | None, clusters: NDArray[np.int32] | None, count: int) -> NDArray[np.int32]:
    """A number for each of ``count`` samples, equal where they must stay together.

    Samples belong together when they share a group or a cluster of copies, or are joined by a chain of such samples:
    the components of the graph, found by union-find.
    """
    if groups is None:
        return np.arange(count, dtype=np.int32) if clusters is None else _numbered(clusters)
    if clusters is None:
        return _numbered(groups)
    group, cluster = _numbered(groups), _numbered(clusters)
    # Only a cluster with members in several groups joins anything; each such pair is an edge between two groups.
    pairs = np.unique(np.stack([cluster, group], axis=1), axis=0)
    inside = pairs[1:, 0] == pairs[:-1, 0]
    above = list(range(int(group.max(initial=-1)) + 1))
    for one, other in zip(pairs[:-1][inside, 1].tolist(), pairs[1:][inside, 1].tolist(), strict=True):
        above[_top(above, one)] = _top(above, other)
    tops = np.asarray([_top(above, place) for place in range(len(above))], np.int32)
    return _numbered(tops[group])


def _top(above: list[int], place: int) -> int:
    while above[place] != place:
        above[place] = above[above[place]]
        place = above[place]
    return place


def _numbered(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The codes as numbers from 0 without gaps, in the order of first appearance."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first), dtype=np.int32)
    return rank[inverse]


def across(units: NDArray[np.int32], parts: NDArray[np.int8]) -> list[NDArray[np.int64]]:
    """The units that lie in several parts: places of the members of each; samples without a part do not count."""
    placed = np.flatnonzero(parts >= 0)
    pairs = np.unique(np.stack([units[placed], parts[placed].astype(np.int32)], axis=1), axis=0)
    torn, many = np.unique(pairs[:, 0], return_counts=True)
    chosen = placed[np.isin(units[placed], torn[many > 1])]
    order = chosen[np.argsort(units[chosen], kind="stable")]
    bounds = np.flatnonzero(np.diff(units[order])) + 1
    return [members for members in np.split(order, bounds) if len(members)]
