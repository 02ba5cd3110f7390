"""A sheet of one image a row and one way to see it a column."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sightline.evaluation.grid import GAP, INK, LINE, PAPER, SIDE, SOFT, legible, thumbnail
from sightline.files import whole_file

_RULE = "#d5dade"


@dataclasses.dataclass(frozen=True)
class Row:
    """One image."""

    label: str
    """Its class."""
    path: str
    """Where it comes from."""
    pictures: Sequence[NDArray[np.uint8]]
    """It, seen in each way: uint8 ``[height, width, 1 or 3]``."""


def draw_sheet(
    title: str, notes: Sequence[tuple[str, str]], heads: Sequence[str], rows: Sequence[Row], path: Path
) -> None:
    """Write a PNG: title, notes (name and text), a head over each column, class and path below each row.

    There are two columns at least, and the first stands apart from the others.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    cell = SIDE + GAP
    top = GAP + LINE * (len(notes) + 1) + GAP
    width = len(heads) * cell + 2 * GAP
    sheet = Image.new("RGB", (width, top + LINE + 4 + len(rows) * (SIDE + LINE + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (GAP, GAP), title, INK, width - 2 * GAP)
    for place, (name, text) in enumerate(notes, 1):
        _write(draw, (GAP, GAP + place * LINE), name, SOFT, SIDE)
        _write(draw, (GAP + cell, GAP + place * LINE), text, SOFT, width - cell - 2 * GAP)
    lefts = [GAP + place * cell + (GAP if place else 0) for place in range(len(heads))]
    for left, head in zip(lefts, heads, strict=True):
        _write(draw, (left, top), head, INK, SIDE)
    draw.line((cell + GAP, top, cell + GAP, sheet.height - GAP), fill=_RULE, width=1)
    for number, row in enumerate(rows):
        line = top + LINE + 4 + number * (SIDE + LINE + GAP)
        for left, pixels in zip(lefts, row.pictures, strict=True):
            picture = thumbnail(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
            sheet.paste(picture, (left + (SIDE - picture.width) // 2, line + (SIDE - picture.height) // 2))
        _write(draw, (GAP, line + SIDE + 2), row.label, INK, SIDE)
        _write(draw, (lefts[1], line + SIDE + 2), row.path, SOFT, width - GAP - lefts[1])
    with whole_file(path) as file:
        sheet.save(file, format="PNG")


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, color: str, most: int) -> None:
    """Write a line, with its end left out where it does not fit."""
    shown, font = legible(text)
    while draw.textlength(shown, font) > most:
        shown = f"{shown.rstrip('…')[:-1]}…"
    draw.text(at, shown, color, font)
