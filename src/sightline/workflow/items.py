"""The images that a user names, one after the other: files, folders, data sets, or a part of a run's own data."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.config_file import load_resolved
from sightline.data.derive import image_of
from sightline.data.formats.walk import images_below
from sightline.data.image import is_image_name, read_image
from sightline.data.read import read
from sightline.data.samples import PARTS, Samples
from sightline.data.wanted import Wanted
from sightline.errors import ConfigError, DataError, ImageError, shortened
from sightline.run import Run
from sightline.workflow.evaluate import run_samples
from sightline.workflow.tasks import wanted_by
from sightline.workflow.trained import TrainedModel


@dataclasses.dataclass(frozen=True)
class Item:
    """An image that somebody asks about."""

    image_id: str
    read: Callable[[int], Any]
    """Gives the upright image, or raises ``ImageError``; also where it has more pixels than that."""


def _several(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]


def items_of(run: Run, paths: str | Path | Sequence[str | Path], part: str | None) -> Iterator[Item]:
    """The images of the paths, or of a part of the run's own data.

    Args:
        run: says what a data set must hold, such as labels or numbers.
        paths: one or several: images, folders of images (searched at every depth), or data sets.
        part: train, val or test: only that part of the data sets; without paths, of the run's own data.

    Raises:
        DataError: a path does not exist or holds no images.
        ConfigError: a part of image files, which have none, or nothing at all.
    """
    paths = _several(paths)
    if part is not None and part not in PARTS:
        raise ConfigError(f"unknown part '{part}'", where="--part", allowed=PARTS)
    if not paths and part is None:
        raise ConfigError("no images", where="PATH", hint="give images, folders, or --part of the run's data")
    files = [str(path) for path in paths if part is not None and is_image_name(path.name) and path.is_file()]
    if files:
        raise ConfigError(
            "--part has no effect: an image file belongs to no part", where="--part", got=shortened(files),
            hint="leave it out, or give a data set",
        )  # fmt: skip
    wanted = wanted_by(load_resolved(run.config))
    return _items(paths, part, wanted) if paths else _from_samples(run_samples(run), part, "")


def seen(model: TrainedModel, item: Item) -> NDArray[np.uint8] | ImageError:
    """An image as the network sees it, uint8 ``[h, w, channels]``, or why it cannot."""
    try:
        return model.contract.pixels(item.read(model.config.data.max_pixels))
    except ImageError as error:
        return error


def _items(paths: Sequence[Path], part: str | None, wanted: Wanted) -> Iterator[Item]:
    """Every image of the given paths. With several paths an id begins with the path it came from."""
    for path in paths:
        prefix = "" if len(paths) == 1 else path.as_posix().rstrip("/") + "/"
        if not path.exists():
            raise DataError(f"{path} does not exist", where="PATH", hint="check the path")
        if path.is_file() and is_image_name(path.name):
            name = path.name if len(paths) == 1 else path.as_posix()
            yield Item(name, lambda most, path=path, name=name: read_image(path, name, most))
            continue
        found = images_below(path, "", [], frozenset()) if path.is_dir() and part is None else iter(())
        first = next(found, None)
        if first is None:
            yield from _from_samples(read(path, wanted=wanted), part, prefix)
            continue
        for image in itertools.chain([first], found):
            place, name = path / image, prefix + image
            yield Item(name, lambda most, place=place, name=name: read_image(place, name, most))


def _from_samples(samples: Samples, part: str | None, prefix: str) -> Iterator[Item]:
    indices = np.arange(len(samples)) if part is None else samples.part(part)
    if not len(indices):
        raise DataError(f"there is no {part} part", where=str(samples.root))
    for index in indices:
        yield Item(prefix + samples.paths[int(index)], lambda most, index=int(index): image_of(samples, index, most))
