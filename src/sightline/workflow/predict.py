"""Predict labels for images, file by file: a damaged one never costs the others their answer."""

import concurrent.futures
import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.data.image import MOST_PIXELS
from sightline.data.loader import Batch
from sightline.errors import ImageError
from sightline.evaluation.grid import draw_grid
from sightline.evaluation.predict import logits_of
from sightline.files import whole_file
from sightline.machine import cores
from sightline.run import Run
from sightline.workflow.answer import Prediction, answer_of, no_answer, write_rows
from sightline.workflow.items import Item, items_of, seen
from sightline.workflow.trained import TrainedModel, open_trained

MOST_ON_GRID = 64
"""Images that a grid shows; the first ones."""


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
    here = Run.open(run)
    model = open_trained(here, checkpoint)
    return _answers(model, items_of(here, paths, part))


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
    items = items_of(Run.open(run), paths, part)
    images = {item.image_id: item.read(MOST_PIXELS) for item in items if item.image_id in wanted}
    captions = [(a.label, a.confidence) if a.kind == "class" else (a.told, None) for a in shown]
    draw_grid([images[a.image_id] for a in shown], captions, out)


def _answers(model: TrainedModel, items: Iterator[Item]) -> Iterator[Prediction]:
    size, contract = model.config.evaluation.batch_size, model.answering
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        while chunk := list(itertools.islice(items, size)):
            read = list(pool.map(lambda item: seen(model, item), chunk))
            pixels = [image for image in read if isinstance(image, np.ndarray)]
            outputs = iter(_outputs(model, pixels) if pixels else ())
            for item, image in zip(chunk, read, strict=True):
                if isinstance(image, ImageError):
                    why = image.what if image.got is None else f"{image.what}: {image.got}"
                    yield no_answer(item.image_id, why, contract)
                else:
                    yield answer_of(item.image_id, next(outputs), contract)


def _outputs(model: TrainedModel, pixels: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    unknown = torch.full((len(pixels),), -1)
    batch = Batch(torch.from_numpy(np.stack(pixels)), unknown, torch.arange(len(pixels)))
    [(_, logits)] = logits_of(model.module, model.task, [batch], model.device, model.layout)
    return logits
