"""From the bytes of a file to 8-bit pixels: the only place that decodes images."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sightline.errors import ImageError

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .bmp .dib .gif .webp .tif .tiff .ppm .pgm .pbm .pnm .tga .jp2 .avif".split()
)
"""Endings of image files, in lower case; files may write them in any case."""

Color = Literal["rgb", "gray"]

_FAULTS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError, MemoryError)


def is_image_name(name: str) -> bool:
    """Whether a file name ends like an image and is not hidden."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def read_image(source: Path | bytes, name: str = "") -> Image.Image:
    """Decode an image completely and turn it upright.

    Every pixel is read, so a truncated file fails here and nowhere later. Of an animation the first frame is taken.
    The camera's EXIF orientation is applied, so that what the model sees is what a person sees.

    Raises:
        ImageError: names the file and says what is wrong with it.
    """
    label = name or (str(source) if isinstance(source, Path) else "image")
    try:
        raw = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise ImageError(f"cannot read {label}", got=error.strerror or str(error)) from error
    if not raw:
        raise ImageError(f"{label} is empty", got="0 bytes", hint="remove the file or restore it from its source")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(raw))
            image.load()
            return _upright(image)
    except UnidentifiedImageError as error:
        raise ImageError(f"{label} is not an image", got=f"{len(raw)} bytes that no decoder knows") from error
    except _FAULTS as error:
        raise ImageError(f"{label} cannot be decoded", got=_reason(error)) from error


def to_color(image: Image.Image, color: Color) -> Image.Image:
    """The image in 8-bit RGB or gray: alpha over white, 16 bits by their upper 8, palettes expanded.

    Raises:
        ImageError: pixels are floating point or 32-bit, which have no agreed range.
    """
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8), "L")
    if image.mode in ("I", "F"):
        raise ImageError("pixels have no agreed range", got=f"mode {image.mode}", allowed=["8 or 16 bits a channel"])
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("L" if color == "gray" else "RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; an EXIF block that cannot be parsed counts as none."""
    with contextlib.suppress(*_FAULTS, KeyError, TypeError, AttributeError):
        return ImageOps.exif_transpose(image)
    return image


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return "the file is truncated" if "truncated" in text.lower() else text
