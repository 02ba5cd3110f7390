"""A picture inside the page."""

import base64
import io
from collections.abc import Callable

from PIL import Image

from sightline.data.image import to_color
from sightline.errors import ImageError
from sightline.evaluation.page.markup import text

SIDE = 240
"""Pixels of the longer side of an embedded picture."""

Picture = Callable[[str], Image.Image | None]
"""Gives the upright image of a path, or ``None`` where it is not there any more; may raise ``ImageError``."""
Overlay = Callable[[str, str], Image.Image | None]
"""From a path and a class to the image with what speaks for that class over it; ``None``: there is none to show."""


def picture_box(path: str, picture: Picture, words: str, side: int = SIDE) -> str:
    """A picture in the page, or words where there is none to show."""
    try:
        image = picture(path)
        if image is None:
            return '<div class="gone"><span>the image file is gone</span></div>'
        image = to_color(image, "rgb")
    except ImageError as error:
        return f'<div class="gone"><span>{text(error.what)}</span></div>'
    kind, source = _data_url(image, side)
    return f'<div class="picture"><img class="{kind}" src="{source}" alt="{text(words)}" loading="eager"></div>'


def _data_url(image: Image.Image, side: int) -> tuple[str, str]:
    """A small copy inside the page: tiny images pixel for pixel as PNG, larger ones shrunk to a JPEG."""
    file = io.BytesIO()
    if max(image.size) <= 96:
        image.save(file, format="PNG", optimize=True)
        kind, media = "tiny", "png"
    else:
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
        image.save(file, format="JPEG", quality=85)
        kind, media = "photo", "jpeg"
    return kind, f"data:image/{media};base64,{base64.b64encode(file.getvalue()).decode()}"
