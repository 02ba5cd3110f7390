"""Pictures of where in an image a trained network saw what it answered."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import is_image_name
from sightline.errors import ConfigError, DataError, ImageError, did_you_mean
from sightline.evaluation.heat_maps import heat_maps
from sightline.evaluation.heat_picture import beside, overlaid
from sightline.files import whole_file
from sightline.model.places import place_of
from sightline.run import Run
from sightline.workflow.answer import Prediction, answer_of
from sightline.workflow.items import items_of, seen
from sightline.workflow.trained import TrainedModel, open_trained

_AT_ONCE = 16
_LONGEST = 200
"""Bytes of a file name, which file systems bound."""


@dataclasses.dataclass(frozen=True)
class Explained:
    """One image and what speaks for a class in it."""

    answer: Prediction
    """What the model says of it."""
    asked: str
    """The class, label or number that the map is about."""
    layer: str
    """The layer whose features were looked at."""
    heat: NDArray[np.float32]
    """What speaks for it, ``[h, w]`` from 0 to 1, in the image as the network sees it."""
    picture: Path | None
    """The image beside its map; ``None``: none was wanted."""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary, without the map itself."""
        own = {"asked": self.asked, "layer": self.layer, "picture": None if self.picture is None else str(self.picture)}
        return self.answer.as_dict() | own


def explain_run(
    run: str | Path,
    paths: str | Path | Sequence[str | Path] = (),
    *,
    part: str | None = None,
    asked: str | None = None,
    out: str | Path | None = None,
    checkpoint: str = "best",
) -> Iterator[Explained]:
    """What speaks for a class in each image, by HiResCAM (see ``evaluation.heat_maps``), in order.

    Args:
        run: the run folder.
        paths: one or several: images, folders of images, or data sets.
        part: train, val or test: only that part of the data set; without paths, of the run's own data.
        asked: name of the class (label, number) to ask about; where missing, the one that the model answers with.
        out: folder for a PNG of each image beside its map.
        checkpoint: ``best``, ``last`` or a checkpoint file.

    Raises:
        DataError: a path does not exist, holds no images, or an image cannot be decoded.
        ConfigError: no such class.
        ModelError: no layer of the network has features of several places.
        MissingExtra: pytorch-grad-cam is not installed.
    """
    here = Run.open(run)
    model = open_trained(here, checkpoint)
    names = model.contract.classes
    if asked is not None and asked not in names:
        hint = did_you_mean(asked, names)
        raise ConfigError(f"the model knows no '{asked}'", where="--class", allowed=names, hint=hint)
    return _explained(model, items_of(here, paths, part), asked, None if out is None else Path(out))


def maps_for(
    model: TrainedModel, pixels: NDArray[np.uint8], asked: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """The model's outputs for images ``[n, h, w, channels]``, and what speaks for a class in each.

    Args:
        model: the model.
        pixels: the images, as it sees them.
        asked: of each, the place of its class; of fewer, that which the model answers with.

    Returns:
        Outputs ``[n, classes]``, maps ``[n, h, w]``, and the layer's name.
    """
    inputs = model.task.inputs(torch.from_numpy(pixels), model.device, model.layout)
    with torch.inference_mode():
        outputs = model.module(inputs).float().cpu().numpy()
    wanted = list(asked) or [int(one) for one in outputs.argmax(axis=1)]
    place = place_of(model.module, inputs[:1])
    return outputs, heat_maps(model.module, inputs, wanted, place), place.name


def _explained(model: TrainedModel, items: Iterator[Any], asked: str | None, out: Path | None) -> Iterator[Explained]:
    names, used = model.contract.classes, set[str]()
    while chunk := list(itertools.islice(items, _AT_ONCE)):
        read = [seen(model, item) for item in chunk]
        for item, image in zip(chunk, read, strict=True):
            if isinstance(image, ImageError):
                raise DataError(f"{item.image_id} cannot be decoded", got=str(image), hint="leave the image out")
        pixels = np.stack([image for image in read if isinstance(image, np.ndarray)])
        one = [names.index(asked)] * len(pixels) if asked is not None else []
        outputs, maps, layer = maps_for(model, pixels, one)
        for item, image, output, heat in zip(chunk, pixels, outputs, maps, strict=True):
            about = asked or names[int(output.argmax())]
            answer = answer_of(item.image_id, output, model.answering)
            picture = None if out is None else out / _file_name(item.image_id, used)
            if picture is not None:
                told = f"{answer.label} {answer.confidence:.2f}" if answer.kind == "class" else answer.told
                with whole_file(picture) as file:
                    beside(image, heat, f"{told}; what speaks for {about}").save(file, format="PNG")
            yield Explained(answer, about, layer, heat, picture)


def _file_name(image_id: str, used: set[str]) -> str:
    """A file name of its own for each image, like its path without the ending; of a long one the end."""
    whole = image_id.rpartition(".")[0] if is_image_name(image_id) else image_id
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in whole)
    plain = plain.encode()[-_LONGEST:].decode(errors="ignore").strip("-.") or "image"
    names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
    name = next(one for one in names if one not in used)
    used.add(name)
    return f"{name}.png"


def overlay_of(model: TrainedModel, image: Image.Image, asked: str) -> Image.Image:
    """An upright image as the network sees it, with what speaks for a class laid over it."""
    pixels = np.array(model.contract.pixels(image))
    _, maps, _ = maps_for(model, pixels[None], [model.contract.classes.index(asked)])
    return overlaid(pixels, maps[0])
