"""Predict labels for images, file by file: a damaged one never costs the others their answer."""

import concurrent.futures
import csv
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.config_file import load_resolved
from sightline.data.derive import image_of
from sightline.data.formats.walk import images_below
from sightline.data.image import MOST_PIXELS, is_image_name, read_image
from sightline.data.loader import Batch
from sightline.data.read import read
from sightline.data.samples import PARTS, Samples
from sightline.data.wanted import Wanted
from sightline.errors import ConfigError, DataError, ImageError, shortened
from sightline.evaluation.grid import draw_grid
from sightline.evaluation.predict import logits_of
from sightline.files import whole_file
from sightline.machine import cores
from sightline.run import Run
from sightline.workflow.answer import Prediction, answer_of, no_answer, write_rows
from sightline.workflow.evaluate import run_samples
from sightline.workflow.tasks import wanted_by
from sightline.workflow.trained import TrainedModel, open_trained

MOST_ON_GRID = 64
"""Images that a grid shows; the first ones."""


@dataclasses.dataclass(frozen=True)
class _Item:
    image_id: str
    read: Callable[[int], Any]
    """Gives the upright image, or raises ``ImageError``; also where it has more pixels than that."""


def predict_run(
    run: str | Path,
    paths: str | Path | Sequence[str | Path] = (),
    *,
    part: str | None = None,
    checkpoint: str = "best",
) -> Iterator[Prediction]:
    """Label images with a trained run, one answer an image, in order.

    Args:
        run: the run folder.
        paths: one or several: images, folders of images (searched at every depth), or data sets (archive, CSV, idx).
        part: train, val or test: only that part of the data set; without paths, of the run's own data.
        checkpoint: ``best``, ``last`` or a checkpoint file.

    Raises:
        DataError: a path does not exist or holds no images.
        ConfigError: a part of image files, which have none, or nothing to predict.
    """
    here, paths = Run.open(run), _several(paths)
    model = open_trained(here, checkpoint)
    if part is not None and part not in PARTS:
        raise ConfigError(f"unknown part '{part}'", where="--part", allowed=PARTS)
    if not paths and part is None:
        raise ConfigError("nothing to predict", where="PATH", hint="give images, folders, or --part of the run's data")
    files = [str(path) for path in paths if part is not None and is_image_name(path.name) and path.is_file()]
    if files:
        raise ConfigError(
            "--part has no effect: an image file belongs to no part", where="--part", got=shortened(files),
            hint="leave it out, or give a data set",
        )  # fmt: skip
    return _answers(model, _all_items(here, paths, part))


def write_predictions(answers: Iterable[Prediction], out: Path) -> tuple[int, int]:
    """Write a CSV of the answers (see ``write_rows``), and those without one to ``NAME.errors.csv`` beside it.

    Returns:
        How many images got an answer, and how many did not.
    """
    answers = list(answers)
    failed = [answer for answer in answers if answer.error]
    with whole_file(out, "w") as file:
        write_rows(answers, file)
    errors = errors_file(out)
    if failed:
        with whole_file(errors, "w") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("image_id", "error"))
            rows.writerows((answer.image_id, answer.error) for answer in failed)
    else:
        errors.unlink(missing_ok=True)
    return len(answers) - len(failed), len(failed)


def errors_file(out: Path) -> Path:
    """Where the images without an answer are listed."""
    return out.with_name(f"{out.stem}.errors.csv")


def draw_predictions(
    run: str | Path,
    paths: str | Path | Sequence[str | Path],
    answers: Sequence[Prediction],
    out: Path,
    part: str | None = None,
) -> None:
    """Draw the first images that got an answer, with their labels, as one PNG.

    Args:
        run: the run folder.
        paths: as they were given to ``predict_run``.
        answers: what it gave.
        out: the PNG to write.
        part: as it was given to ``predict_run``.
    """
    shown = [answer for answer in answers if not answer.error][:MOST_ON_GRID]
    wanted = {answer.image_id for answer in shown}
    items = _all_items(Run.open(run), _several(paths), part)
    images = {item.image_id: item.read(MOST_PIXELS) for item in items if item.image_id in wanted}
    captions = [(a.label, a.confidence) if a.kind == "class" else (a.told, None) for a in shown]
    draw_grid([images[a.image_id] for a in shown], captions, out)


def _answers(model: TrainedModel, items: Iterator[_Item]) -> Iterator[Prediction]:
    size, contract = model.config.evaluation.batch_size, model.answering
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        while chunk := list(itertools.islice(items, size)):
            read = list(pool.map(lambda item: _seen(model, item), chunk))
            pixels = [image for image in read if isinstance(image, np.ndarray)]
            outputs = iter(_outputs(model, pixels) if pixels else ())
            for item, image in zip(chunk, read, strict=True):
                if isinstance(image, ImageError):
                    why = image.what if image.got is None else f"{image.what}: {image.got}"
                    yield no_answer(item.image_id, why, contract)
                else:
                    yield answer_of(item.image_id, next(outputs), contract)


def _seen(model: TrainedModel, item: _Item) -> NDArray[np.uint8] | ImageError:
    try:
        return model.contract.pixels(item.read(model.config.data.max_pixels))
    except ImageError as error:
        return error


def _outputs(model: TrainedModel, pixels: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    unknown = torch.full((len(pixels),), -1)
    batch = Batch(torch.from_numpy(np.stack(pixels)), unknown, torch.arange(len(pixels)))
    [(_, logits)] = logits_of(model.module, model.task, [batch], model.device, model.layout)
    return logits


def _several(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]


def _all_items(run: Run, paths: Sequence[Path], part: str | None) -> Iterator[_Item]:
    """The images of the paths, or of a part of the run's own data."""
    wanted = wanted_by(load_resolved(run.config))
    return _items(paths, part, wanted) if paths else _from_samples(run_samples(run), part, "")


def _items(paths: Sequence[Path], part: str | None, wanted: Wanted) -> Iterator[_Item]:
    """Every image of the given paths. With several paths an id begins with the path it came from."""
    for path in paths:
        prefix = "" if len(paths) == 1 else path.as_posix().rstrip("/") + "/"
        if not path.exists():
            raise DataError(f"{path} does not exist", where="PATH", hint="check the path")
        if path.is_file() and is_image_name(path.name):
            name = path.name if len(paths) == 1 else path.as_posix()
            yield _Item(name, lambda most, path=path, name=name: read_image(path, name, most))
            continue
        found = images_below(path, "", [], frozenset()) if path.is_dir() and part is None else iter(())
        first = next(found, None)
        if first is None:
            yield from _from_samples(read(path, wanted=wanted), part, prefix)
            continue
        for image in itertools.chain([first], found):
            place, name = path / image, prefix + image
            yield _Item(name, lambda most, place=place, name=name: read_image(place, name, most))


def _from_samples(samples: Samples, part: str | None, prefix: str) -> Iterator[_Item]:
    indices = np.arange(len(samples)) if part is None else samples.part(part)
    if not len(indices):
        raise DataError(f"there is no {part} part", where=str(samples.root))
    for index in indices:
        yield _Item(prefix + samples.paths[int(index)], lambda most, index=int(index): image_of(samples, index, most))
