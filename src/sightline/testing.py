"""Contracts for plug-ins: each kind's checks, as our own tests run them on every built-in.

Give a component of your own to the check of its kind; it says nothing where the contract is honoured.
"""

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from sightline.data.augment.own import lent_generators
from sightline.data.contract import Contract
from sightline.data.image import to_color
from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.data.store import Store
from sightline.errors import PlugError, shortened
from sightline.testing_exporter import check_exporter
from sightline.testing_loss import check_box_loss, check_loss
from sightline.testing_metric import check_metric
from sightline.testing_rule import check_rule

__all__ = [
    "check_box_loss",
    "check_exporter",
    "check_format",
    "check_loss",
    "check_metric",
    "check_model",
    "check_rule",
    "check_transform",
]

_COLUMNS = ("labels", "parts", "groups", "weights", "pixels", "rows")


def check_format(reader: Callable[[Path], object], path: Path) -> Samples:
    """Check that a reader honours its contract on a data set, and give what it read.

    Columns are equally long, labels and parts are in range, class names are unique text, paths are unique, every
    sample has a file, pixels or a row of a store, a second call gives the same, and the samples survive pickling.

    Raises:
        PlugError: names the clause that is broken, and the samples that break it.
    """
    samples = reader(path)
    if not isinstance(samples, Samples):
        raise _broken("a reader", "returns Samples", type(samples).__name__)
    _check_columns(samples)
    _check_classes(samples)
    _check_sources(samples)
    _need(_same(samples, reader(path)), "a reader", "gives the same samples when it is called again", "another result")
    _need(
        _same(samples, pickle.loads(pickle.dumps(samples))),
        "a reader",
        "gives samples that can be pickled",
        "another copy",
    )
    return samples


def check_model(make: Callable[..., object], classes: int = 3, channels: int = 3, size: int = 64) -> None:
    """Check that a model honours its contract: ``make(num_classes=…, in_chans=…)`` gives a module.

    The module takes ``[n, channels, size, size]`` and gives logits ``[n, classes]``; in evaluation they are repeatable
    and do not depend on the other images of the batch; training reaches every parameter that asks for a gradient;
    the module can be copied, and its weights fill another one.

    Raises:
        PlugError: names the clause that is broken, and the parameters that break it.
    """
    module = make(num_classes=classes, in_chans=channels)
    if not isinstance(module, nn.Module):
        raise _broken("a model", "is a torch.nn.Module", type(module).__name__)
    images = torch.randn(4, channels, size, size, generator=torch.Generator().manual_seed(0))
    logits = module.train()(images)
    got = f"{list(logits.shape)} for {classes} classes and images {list(images.shape)}"
    _need(logits.shape == (4, classes), "a model", "gives logits [n, classes]", got)
    logits.square().sum().backward()
    unreached = [key for key, value in module.named_parameters() if value.requires_grad and value.grad is None]
    _need(not unreached, "a model", "passes the gradient to every parameter", shortened(unreached))
    module.eval()
    with torch.no_grad():
        logits = module(images)
        _need(bool(torch.isfinite(logits).all()), "a model", "gives finite logits", str(logits))
        _need(torch.equal(logits, module(images)), "a model", "evaluates repeatably", "other logits")
        alone = torch.cat([module(image[None]) for image in images])
        same = torch.allclose(logits, alone, rtol=1e-3, atol=1e-4)
        _need(same, "a model", "evaluates an image alike in any batch", str(logits - alone))
        twin = copy.deepcopy(module)
        for value in twin.state_dict().values():
            value.zero_()
        twin.load_state_dict(module.state_dict())
        _need(torch.equal(logits, twin(images)), "a model", "is wholly described by its weights", "other logits")


def check_transform(make: Callable[[Contract], Callable[[Image.Image, int], object]], contract: Contract) -> None:
    """Check that an augmentation honours its contract: Pillow image and seed to what the model sees.

    The pixels are uint8 ``[height, width, channels]``; equal seeds give equal pixels whatever was drawn in between;
    the image that was given stays as it is. Global generators need not be minded: while a training calls the
    transform, they are seeded for the picture and put back afterwards, and so they are here.

    Raises:
        PlugError: names the clause that is broken.
    """
    transform = make(contract)
    _need(callable(transform), "a transform", "is a function of image and seed", type(transform).__name__)
    random = np.random.default_rng(0)
    for width, height in ((contract.width, contract.height), (3 * contract.width + 1, 2 * contract.height), (1, 1)):
        values = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = to_color(Image.fromarray(values), contract.color)
        before = image.tobytes()
        first, again = ([_seen(transform, image, seed) for seed in (0, 1, (1 << 63) - 1)] for _ in range(2))
        for pixels in first:
            got = f"{pixels.dtype} {list(pixels.shape)} of an image of {width}x{height}"
            right = pixels.dtype == np.uint8 and pixels.shape == (contract.height, contract.width, contract.channels)
            _need(right, "a transform", "gives uint8 [height, width, channels] of the contract's size", got)
        same = all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
        _need(same, "a transform", "gives equal pixels for equal seeds", "other pixels")
        _need(image.tobytes() == before, "a transform", "leaves the image as it is", "a changed image")


def _seen(transform: Callable[[Image.Image, int], object], image: Image.Image, seed: int) -> NDArray[Any]:
    with lent_generators(seed):
        pixels: NDArray[Any] = np.asarray(transform(image, seed))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _check_columns(samples: Samples) -> None:
    _need(len(samples) > 0, "a reader", "finds images", "no samples")
    for name in ("paths", *_COLUMNS):
        column = getattr(samples, name)
        if column is not None:
            _need(
                len(column) == len(samples),
                "a reader",
                f"has one {name} row per sample",
                f"{len(column)} of {len(samples)}",
            )
    bad = np.flatnonzero((samples.labels < -1) | (samples.labels >= len(samples.classes)))
    _need(not len(bad), "a reader", "gives labels that are places in classes, or -1", f"rows {shortened(bad.tolist())}")
    bad = np.flatnonzero((samples.parts < UNASSIGNED) | (samples.parts >= len(PARTS)))
    _need(
        not len(bad),
        "a reader",
        "gives parts that are places in PARTS, or UNASSIGNED",
        f"rows {shortened(bad.tolist())}",
    )
    if samples.groups is not None:
        bad = np.flatnonzero((samples.groups < 0) | (samples.groups >= len(samples.group_names)))
        _need(
            not len(bad), "a reader", "gives groups that are places in group_names", f"rows {shortened(bad.tolist())}"
        )
    if samples.weights is not None:
        bad = np.flatnonzero(~np.isfinite(samples.weights) | (samples.weights < 0))
        _need(
            not len(bad),
            "a reader",
            "gives weights that are finite and not negative",
            f"rows {shortened(bad.tolist())}",
        )


def _check_classes(samples: Samples) -> None:
    names: tuple[object, ...] = samples.classes
    bad = [name for name in names if type(name) is not str or not name.strip() or names.count(name) > 1]
    _need(not bad, "a reader", "gives classes with unique names that are not empty", shortened(bad))


def _check_sources(samples: Samples) -> None:
    paths = list(samples.paths)
    repeated = sorted({path for path in paths if paths.count(path) > 1}) if len(set(paths)) < len(paths) else []
    _need(not repeated, "a reader", "gives every sample a path of its own", shortened(repeated))
    if samples.pixels is not None:
        got = f"{samples.pixels.dtype} {list(samples.pixels.shape)}"
        _need(
            samples.pixels.dtype == np.uint8 and samples.pixels.ndim in (3, 4),
            "a reader",
            "gives pixels as uint8 images",
            got,
        )
        return
    if samples.store is not None:
        _check_store(samples, samples.store)
        return
    missing = [path for path in paths if not (samples.root / path).is_file()]
    _need(not missing, "a reader", "gives paths of files that exist", shortened(missing))


def _check_store(samples: Samples, store: Store) -> None:
    """Every sample has a row; the first and the last can be read, and read alike by a copy and in a forked process."""
    rows = samples.rows
    if rows is None or len(rows) == 0:
        raise _broken("a reader", "gives each sample its row in the store", "no rows")
    inside = int(rows.min()) >= 0 and int(rows.max()) < len(store)
    _need(inside, "a reader", "gives rows of the store", f"{rows.min()} to {rows.max()} of {len(store)}")
    copy_of: Store = pickle.loads(pickle.dumps(store))
    for row in {int(rows[0]), int(rows[-1])}:
        kept = store.read(row)
        image = isinstance(kept, bytes) or (kept.dtype == np.uint8 and kept.ndim in (2, 3) and kept.flags.c_contiguous)
        _need(image, "a store", "gives bytes or uint8 images", type(kept).__name__)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            others = [store.read(row), copy_of.read(row), pool.apply(store.read, (row,))]
        alike = all(np.array_equal(np.asarray(kept), np.asarray(other)) for other in others)
        _need(alike, "a store", "reads a row alike again, as a pickled copy and in a forked process", "another image")


def _same(one: Samples, other: object) -> bool:
    if not isinstance(other, Samples):
        return False
    plain = all(
        getattr(one, name) == getattr(other, name) for name in ("root", "classes", "group_names", "format", "ignored")
    )
    columns = ((getattr(one, name), getattr(other, name)) for name in _COLUMNS)
    equal = all(a is b if a is None or b is None else np.array_equal(a, b) for a, b in columns)
    return plain and equal and list(one.paths) == list(other.paths)


def _need(honoured: bool, kind: str, clause: str, got: str) -> None:
    if not honoured:
        raise _broken(kind, clause, got)


def _broken(kind: str, clause: str, got: str) -> PlugError:
    return PlugError(f"broken contract: {kind} {clause}", got=got)
