"""What must stay together, found and told, before a data set is divided into parts."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sightline.config import RunConfig
from sightline.config_file import flat
from sightline.config_schema import all_settings
from sightline.data.near import clusters_of
from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.data.scan import Scan
from sightline.data.split import parts_to_make, split
from sightline.data.split.units import across, units_of, with_groups
from sightline.errors import ConfigError, shortened
from sightline.workflow.say import Say


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Together:
    """Samples with their groups, and what of them must stay in one part."""

    samples: Samples
    """With the groups that the settings ask for."""
    clusters: NDArray[np.int32] | None
    """Cluster of copies of each sample; none: copies are not looked for."""
    units: NDArray[np.int32]
    """A number for each sample, equal where samples must stay together."""

    def copies(self) -> list[NDArray[np.int64]]:
        """Places of the members of each cluster with several."""
        return [] if self.clusters is None else _several(self.clusters)

    def torn(self) -> list[NDArray[np.int64]]:
        """Places of the members of each unit that lies in several of the parts that the data set gives."""
        return across(self.units, self.samples.parts)


def divide(config: RunConfig, origins: Mapping[str, str], samples: Samples, facts: Scan, say: Say) -> Samples:
    """Give every sample a part as the settings say; tell what was kept together.

    Raises:
        ConfigError: settings of the split that do nothing with this data set.
        SplitError: the parts cannot be made.
    """
    data = config.data
    refuse_idle(config, origins, samples, say)
    if not parts_to_make(samples, data.val, data.test):
        return split(samples, val=data.val, test=data.test, seed=config.seed)
    bound = bind(config, samples, facts, say)
    return split(
        bound.samples, val=data.val, test=data.test, seed=config.seed, units=bound.units, by_time=data.time
    )  # fmt: skip


def bind(config: RunConfig, samples: Samples, facts: Scan, say: Say) -> Together:
    """Find the groups and the copies.

    Raises:
        ConfigError: ``data.group`` is no pattern or has no effect.
        SplitError: ``data.group`` finds no group in some paths.
    """
    samples = with_groups(samples, config.data.group)
    clusters = None
    if config.data.duplicates == "together":
        with say.progress("looking for copies") as progress:
            clusters = clusters_of(samples, facts, progress)
    bound = Together(samples=samples, clusters=clusters, units=units_of(samples.groups, clusters, len(samples)))
    if samples.groups is not None:
        say.note(f"kept together: {len(np.unique(samples.groups))} groups")
    if copies := bound.copies():
        say.note(
            f"kept together: {sum(map(len, copies))} images that are copies of one another ({len(copies)} pictures)"
        )
    if torn := bound.torn():
        first = [samples.paths[int(place)] for place in torn[0][:3]]
        say.note(
            f"{len(torn)} groups or sets of copies lie in several of the parts that the data set gives, and stay there:"
            f" {shortened(first)} …; sightline check lists them"
        )
    return bound


def refuse_idle(config: RunConfig, origins: Mapping[str, str], samples: Samples, say: Say, *, folds: int = 0) -> None:
    """Refuse settings of the split that a person gave and that do nothing with this data set.

    Those of a file are told in a note only: a recipe serves data sets with and without parts.

    Raises:
        ConfigError: names the first one, with the reason.
    """
    given = [PARTS[part] for part in np.unique(samples.parts) if part != UNASSIGNED]
    making = parts_to_make(samples, config.data.val, 0 if folds else config.data.test)
    idle: dict[str, str] = {}
    if folds:
        idle["data.test"] = "the folds are the test parts"
    elif given:
        idle["data.test"] = f"the data set gives its own parts ({', '.join(given)})"
    if "val" in given:
        idle["data.val"] = f"the data set gives its own parts ({', '.join(given)})"
    if not making and not folds:
        reason = "there is nothing to divide"
        idle |= dict.fromkeys(("data.group", "data.duplicates", "data.time"), reason)
    for key, reason in idle.items():
        origin = origins.get(key, "")
        if origin == "flag":
            raise ConfigError(f"{key} has no effect: {reason}", where=f"-s {key}", hint="remove it")
        if origin.startswith("file ") and flat(config)[key] != all_settings()[key].default:
            say.detail(f"{key} in {origin.removeprefix('file ')} has no effect: {reason}")
    if folds and config.data.time:
        raise ConfigError(
            "data.time has no effect: folds are not in order of time", where="--folds, data.time",
            hint="remove one of them",
        )  # fmt: skip


def _several(codes: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    order = np.argsort(codes, kind="stable")
    bounds = np.flatnonzero(np.diff(codes[order])) + 1
    found = [members for members in np.split(order, bounds) if len(members) > 1]
    return sorted(found, key=lambda members: int(members[0]))
