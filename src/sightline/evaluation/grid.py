"""A contact sheet: pictures with the model's answer under each."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sightline.data.image import to_color
from sightline.errors import DataError
from sightline.files import whole_file

Font = ImageFont.FreeTypeFont

SIDE, GAP, LINE = 160, 16, 20  # pixels: a picture, the space between two, a line of text
INK, SOFT, WRONG, PAPER = "#1d2329", "#5d6670", "#a8401f", "#ffffff"


def draw_grid(
    images: Sequence[Image.Image | NDArray[np.uint8]],
    captions: Sequence[tuple[str, float | None]],
    path: Path,
    truths: Sequence[str | None] | None = None,
) -> None:
    """Write a PNG with every picture, the predicted label and its confidence below it.

    Where the truth is known and differs, the picture gets a frame, a cross before the label and a second line with
    the truth: a wrong answer can be told without seeing colors.

    Args:
        images: Pillow images, or uint8 ``[height, width]`` or ``[height, width, 3]``; any sizes.
        captions: predicted label and its probability (0-1) for each image, or any words and none.
        path: the PNG to write.
        truths: true label of each image, ``None`` where it is not known.

    Raises:
        DataError: no images, or lists of unequal lengths.
        RunError: the disk is full or the folder cannot be written.
    """
    known = truths if truths is not None else [None] * len(images)
    if not len(images) == len(captions) == len(known) or not images:
        raise DataError(
            "a grid needs one caption per image",
            where=str(path),
            got=f"{len(images)} images, {len(captions)} captions, {len(known)} truths",
        )
    columns = min(len(images), max(4, math.ceil(math.sqrt(len(images)))))
    cell = _Cell(SIDE + GAP, SIDE + 2 * LINE + GAP)
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (columns * cell.width + GAP, rows * cell.height + GAP), PAPER)
    for place, (image, (label, confidence), truth) in enumerate(zip(images, captions, known, strict=True)):
        left_top = (GAP + place % columns * cell.width, GAP + place // columns * cell.height)
        _draw_one(sheet, left_top, thumbnail(image), _caption(label, confidence), _mistake(label, truth))
    with whole_file(path) as file:
        sheet.save(file, format="PNG")


@dataclasses.dataclass(frozen=True)
class _Cell:
    width: int
    height: int


def _caption(label: str, confidence: float | None) -> str:
    return label if confidence is None else f"{label}  {confidence:.0%}"


def _mistake(label: str, truth: str | None) -> str | None:
    """The second line of a wrong answer."""
    return None if truth is None or truth == label else f"is {truth}"


def _draw_one(
    sheet: Image.Image, left_top: tuple[int, int], picture: Image.Image, caption: str, mistake: str | None
) -> None:
    left, top = left_top
    draw = ImageDraw.Draw(sheet)
    inside = (left + (SIDE - picture.width) // 2, top + (SIDE - picture.height) // 2)
    sheet.paste(picture, inside)
    text_top = top + SIDE + 4
    if mistake is None:
        _write(draw, (left, text_top), caption, INK)
        return
    draw.rectangle((left - 4, top - 4, left + SIDE + 3, top + SIDE + 3), outline=WRONG, width=3)
    draw.line((left + 1, text_top + 4, left + 10, text_top + 13), fill=WRONG, width=2)
    draw.line((left + 1, text_top + 13, left + 10, text_top + 4), fill=WRONG, width=2)
    _write(draw, (left + 16, text_top), caption, WRONG)
    _write(draw, (left + 16, text_top + LINE - 2), mistake, SOFT)


def thumbnail(image: Image.Image | NDArray[np.uint8]) -> Image.Image:
    """The picture at the size of its cell; tiny ones are enlarged by whole pixels so that they stay what they are."""
    picture = to_color(image if isinstance(image, Image.Image) else Image.fromarray(image), "rgb")
    longest = max(picture.size)
    if longest <= SIDE // 2:
        times = SIDE // longest
        return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    scale = SIDE / longest
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, color: str) -> None:
    """Write a line, shortened in its middle to what fits: the confidence at its end always stays."""
    shown, font = legible(text)
    most = SIDE - (at[0] - GAP) % (SIDE + GAP)
    if draw.textlength(shown, font) > most:
        head, _, tail = shown.rpartition("  ")
        tail = f"…  {tail}" if head else "…"
        head = head or shown
        while head and draw.textlength(head + tail, font) > most:
            head = head[:-1]
        shown = head + tail
    draw.text(at, shown, color, font)


def legible(text: str) -> tuple[str, Font]:
    """A font of this machine that has every character of the text, and the text.

    Where no installed font has them all, the missing ones are written as escapes: a reader sees which character it
    is and never a row of equal boxes.
    """
    text = "".join(character if character.isprintable() else _escape(character) for character in text)
    wanted = {ord(character) for character in text}
    default = font_manager.findfont("DejaVu Sans")
    if not wanted <= _characters(default):
        for other in _other_fonts():
            if wanted <= _characters(other):
                return text, _opened(other)
    have = _characters(default)
    return "".join(c if ord(c) in have else _escape(c) for c in text), _opened(default)


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode() if not character.isascii() else repr(character)[1:-1]


def _other_fonts() -> list[str]:
    """Upright fonts of this machine, in an order that does not change from call to call.

    Without the Last Resort font, which has a box with a sign of the script for every character there is.
    """
    upright = [
        font.fname
        for font in font_manager.fontManager.ttflist
        if font.style == "normal"
        and font.weight in (400, "normal")
        and "lastresort" not in font.name.lower().replace(" ", "")
    ]
    return sorted(set(upright))


@functools.cache
def _characters(font: str) -> frozenset[int]:
    return frozenset(FT2Font(font).get_charmap())


@functools.cache
def _opened(font: str) -> Font:
    return ImageFont.truetype(font, 14)
