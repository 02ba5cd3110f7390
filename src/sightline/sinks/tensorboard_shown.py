"""What TensorBoard shows beside scalars: histograms, pictures, curves, points, the graph, settings."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Writer = Any
"""A ``torch.utils.tensorboard.SummaryWriter``, which loads TensorBoard when it is imported."""
Pixels = NDArray[np.uint8]
MOST_CURVES = 30
_CELL, _LEFT, _TOP, _GAP = 28, 150, 150, 2


def show_arrays(writer: Writer, arrays: Mapping[str, Any], classes: Sequence[str], step: int) -> None:
    """The arrays of a record, whichever it has.

    Args:
        writer: of the event files.
        arrays: as in ``Record.arrays``.
        classes: names of the outputs.
        step: of the record.
    """
    for name, values in arrays.get("histograms", {}).items():
        finite = values.cpu().numpy().astype(np.float64)
        finite = finite[np.isfinite(finite)]
        if len(finite):
            writer.add_histogram(name, finite, step)
    if "inputs" in arrays:
        show_picture(writer, "inputs", grid_of(arrays["inputs"].cpu().numpy()), step)
    if "confusion" in arrays:
        show_picture(writer, "val/confusion", confusion_picture(arrays["confusion"], classes), step)
    if "scores" in arrays:
        show_curves(writer, arrays["scores"], classes, step)


def show_picture(writer: Writer, name: str, pixels: Pixels, step: int) -> None:
    """A picture ``[h, w, 3]``."""
    writer.add_image(name, pixels, step, dataformats="HWC")


def grid_of(images: Pixels, across: int = 4) -> Pixels:
    """Pictures ``[n, h, w, 1 or 3]`` side by side, in rows, as one."""
    count, height, width, channels = images.shape
    rows, columns = -(-count // across), min(across, count)
    shape = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    whole = np.full(shape, 255, np.uint8)
    for place, image in enumerate(images):
        top, left = (place // across) * (height + _GAP), (place % across) * (width + _GAP)
        whole[top : top + height, left : left + width] = image[:, :, :1] if channels == 2 else image[:, :, :3]
    return whole


def confusion_picture(matrix: NDArray[np.float64], classes: Sequence[str]) -> Pixels:
    """True classes by row, answers by column; the darker, the larger the share of the row, with the counts in it."""
    count = len(matrix)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    image = Image.new("RGB", (_LEFT + count * _CELL, _TOP + count * _CELL), "white")
    draw = ImageDraw.Draw(image)
    for true in range(count):
        name = str(classes[true])[:22]
        draw.text((4, _TOP + true * _CELL + 8), name, fill="black")
        words = Image.new("RGB", (_TOP, _CELL), "white")
        ImageDraw.Draw(words).text((4, 8), name, fill="black")
        image.paste(words.rotate(90, expand=True), (_LEFT + true * _CELL, 0))
        for given in range(count):
            share, left, top = shares[true, given], _LEFT + given * _CELL, _TOP + true * _CELL
            shade = tuple(round(255 - share * (255 - full)) for full in (15, 110, 120))
            draw.rectangle((left, top, left + _CELL - 2, top + _CELL - 2), fill=shade)
            if matrix[true, given]:
                draw.text((left + 3, top + 8), f"{matrix[true, given]:.0f}", fill="white" if share > 0.5 else "black")
    return np.asarray(image)


def show_curves(writer: Writer, scores: NDArray[np.float64], classes: Sequence[str], step: int) -> None:
    """Precision and recall at each threshold, of the classes that most images are of.

    Args:
        writer: of the event files.
        scores: how many images have which score, ``[2, classes, thresholds]``: first those that are not of the class.
        classes: their names.
        step: of the evaluation.
    """
    reached = scores[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    for place in np.argsort(-scores[1].sum(axis=1), kind="stable")[:MOST_CURVES]:
        wrong, right = reached[0, place], reached[1, place]
        if not right[0]:
            continue
        precision = right / np.maximum(1, right + wrong)
        counts = (right, wrong, wrong[0] - wrong, right[0] - right)
        writer.add_pr_curve_raw(
            f"val/{classes[place]}", *counts, precision, right / right[0], step, num_thresholds=len(right)
        )


def show_points(
    writer: Writer, folder: Path, features: NDArray[np.float32], labels: Sequence[str], images: Pixels, step: int
) -> None:
    """Points of the projector, each with its label and its picture.

    Args:
        writer: of the event files.
        folder: of the event files.
        features: ``[n, features]``.
        labels: of each.
        images: thumbnails ``[n, side, side, 1 or 3]``.
        step: when the network was asked.
    """
    shutil.rmtree(folder / f"{step:05d}", ignore_errors=True)  # of an earlier end of the same run
    shown = np.broadcast_to(images, (*images.shape[:3], 3)).transpose(0, 3, 1, 2) / 255.0
    import torch  # noqa: PLC0415  the writer takes pictures as tensors only

    thumbnails = torch.from_numpy(shown.astype(np.float32))
    writer.add_embedding(features, [one.replace("\t", " ") for one in labels], thumbnails, step, tag="validation")


def show_settings(writer: Writer, settings: Mapping[str, Any], figures: Mapping[str, float]) -> None:
    """The settings of the run beside its figures, for the table of hyperparameters.

    Args:
        writer: of the event files.
        settings: by dotted path; what is no number and no word is written as text.
        figures: by the name of their scalar, such as ``val/accuracy``.
    """
    from torch.utils.tensorboard.summary import hparams  # noqa: PLC0415  slow to import

    plain = {
        key: value if isinstance(value, bool | int | float | str) else str(value) for key, value in settings.items()
    }
    finite = {key: value for key, value in plain.items() if not isinstance(value, float) or math.isfinite(value)}
    for summary in hparams(finite, dict(figures)):
        writer.file_writer.add_summary(summary)


def show_graph(writer: Writer, nodes: Sequence[tuple[str, str, Sequence[str], Sequence[int]]]) -> None:
    """The network as a graph.

    Args:
        writer: of the event files.
        nodes: name, operation, names of the inputs, shape of the output; names have their parts divided by slashes.
    """
    from tensorboard.compat.proto import config_pb2, graph_pb2  # noqa: PLC0415  slow to import

    graph: Any = graph_pb2.GraphDef()  # pyright: ignore[reportAttributeAccessIssue]  made when it is imported
    timing: Any = config_pb2.RunMetadata().step_stats  # pyright: ignore[reportAttributeAccessIssue]
    graph.versions.producer = 22
    for name, operation, inputs, shape in nodes:
        node = graph.node.add(name=name, op=operation, input=list(inputs))
        sizes = node.attr["_output_shapes"].list.shape.add()
        for size in shape:
            sizes.dim.add(size=size)
    writer.file_writer.add_graph((graph, timing))
