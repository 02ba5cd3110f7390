"""Contracts for plug-ins: each kind's checks, as our own tests run them on every built-in.

Give a component of your own to the check of its kind; it says nothing where the contract is honoured.
"""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.errors import PlugError, shortened

_COLUMNS = ("labels", "parts", "groups", "weights", "pixels")


def check_format(reader: Callable[[Path], object], path: Path) -> Samples:
    """Check that a reader honours its contract on a data set, and give what it read.

    Columns are equally long, labels and parts are in range, class names are unique text, paths are unique, every
    sample has a file or pixels, a second call gives the same, and the samples survive pickling.

    Raises:
        PlugError: names the clause that is broken, and the samples that break it.
    """
    samples = reader(path)
    if not isinstance(samples, Samples):
        raise _broken("returns Samples", type(samples).__name__)
    _check_columns(samples)
    _check_classes(samples)
    _check_sources(samples)
    _need(_same(samples, reader(path)), "gives the same samples when it is called again", "another result")
    _need(_same(samples, pickle.loads(pickle.dumps(samples))), "gives samples that can be pickled", "another copy")
    return samples


def _check_columns(samples: Samples) -> None:
    _need(len(samples) > 0, "finds images", "no samples")
    for name in ("paths", *_COLUMNS):
        column = getattr(samples, name)
        if column is not None:
            _need(len(column) == len(samples), f"has one {name} row per sample", f"{len(column)} of {len(samples)}")
    bad = np.flatnonzero((samples.labels < -1) | (samples.labels >= len(samples.classes)))
    _need(not len(bad), "gives labels that are places in classes, or -1", f"rows {shortened(bad.tolist())}")
    bad = np.flatnonzero((samples.parts < UNASSIGNED) | (samples.parts >= len(PARTS)))
    _need(not len(bad), "gives parts that are places in PARTS, or UNASSIGNED", f"rows {shortened(bad.tolist())}")
    if samples.groups is not None:
        bad = np.flatnonzero((samples.groups < 0) | (samples.groups >= len(samples.group_names)))
        _need(not len(bad), "gives groups that are places in group_names", f"rows {shortened(bad.tolist())}")
    if samples.weights is not None:
        bad = np.flatnonzero(~np.isfinite(samples.weights) | (samples.weights < 0))
        _need(not len(bad), "gives weights that are finite and not negative", f"rows {shortened(bad.tolist())}")


def _check_classes(samples: Samples) -> None:
    names: tuple[object, ...] = samples.classes
    bad = [name for name in names if type(name) is not str or not name.strip() or names.count(name) > 1]
    _need(not bad, "gives classes with unique names that are not empty", shortened(bad))


def _check_sources(samples: Samples) -> None:
    paths = list(samples.paths)
    repeated = sorted({path for path in paths if paths.count(path) > 1}) if len(set(paths)) < len(paths) else []
    _need(not repeated, "gives every sample a path of its own", shortened(repeated))
    if samples.pixels is not None:
        got = f"{samples.pixels.dtype} {list(samples.pixels.shape)}"
        _need(samples.pixels.dtype == np.uint8 and samples.pixels.ndim in (3, 4), "gives pixels as uint8 images", got)
        return
    missing = [path for path in paths if not (samples.root / path).is_file()]
    _need(not missing, "gives paths of files that exist", shortened(missing))


def _same(one: Samples, other: object) -> bool:
    if not isinstance(other, Samples):
        return False
    plain = all(
        getattr(one, name) == getattr(other, name) for name in ("root", "classes", "group_names", "format", "ignored")
    )
    columns = ((getattr(one, name), getattr(other, name)) for name in _COLUMNS)
    equal = all(a is b if a is None or b is None else np.array_equal(a, b) for a, b in columns)
    return plain and equal and list(one.paths) == list(other.paths)


def _need(honoured: bool, clause: str, got: str) -> None:
    if not honoured:
        raise _broken(clause, got)


def _broken(clause: str, got: str) -> PlugError:
    return PlugError(f"broken contract: a reader {clause}", got=got)
