"""From the bytes of a file to 8-bit pixels: the only place that decodes images."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from sightline.errors import ImageError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif"}
)
"""Endings of image files, in lower case; files may write them in any case."""

Color = Literal["rgb", "gray"]

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to undo each EXIF orientation."""


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
            return upright(image)
    except UnidentifiedImageError as error:
        raise ImageError(f"{label} is not an image", got=f"{len(raw)} bytes that no decoder knows") from error
    except Exception as error:  # damaged files make decoders raise nearly anything, RuntimeError and struct.error too
        raise ImageError(f"{label} cannot be decoded", got=_reason(error)) from error


def ending_of(raw: bytes) -> str:
    """How a file with these bytes would end, such as ``.jpg``; empty where no decoder knows them."""
    try:
        with Image.open(io.BytesIO(raw)) as image:
            kind = image.format or ""
    except Exception:  # noqa: BLE001 - damaged bytes make decoders raise nearly anything
        return ""
    return {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2", "PPM": ".ppm"}.get(
        kind, f".{kind.lower()}"
    )


def to_color(image: Image.Image, color: Color) -> Image.Image:
    """The image in 8-bit RGB or gray: alpha over white, 16 bits by their upper 8, palettes expanded.

    Raises:
        ImageError: pixels are floating point, 32-bit or L*a*b*, which have no agreed range.
    """
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F", "LAB"):
        raise ImageError("pixels have no agreed range", got=f"mode {image.mode}", allowed=["8 or 16 bits a channel"])
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("L" if color == "gray" else "RGB")


def upright(image: Image.Image) -> Image.Image:
    """The image as a person sees it: the EXIF orientation applied and its tag dropped, so that twice is as once.

    An EXIF block that cannot be parsed counts as none.
    """
    orientation = None
    with contextlib.suppress(Exception):  # a damaged block makes Pillow raise nearly anything
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    if orientation not in _TURNS:
        return image
    turned = image.transpose(_TURNS[orientation])
    for block in ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"):
        turned.info.pop(block, None)
    return turned


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return "the file is truncated" if "truncated" in text.lower() else text
