"""From the bytes of a file to 8-bit pixels: the only place that decodes images."""

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
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
_NO_RANGE = ("I", "F", "LAB")


def is_image_name(name: str) -> bool:
    """Whether a file name ends like an image and is not hidden."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


MOST_PIXELS = 178_956_970
"""Pixels above which Pillow refuses to decode an image: a small file could fill the memory."""

_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """A picture and what is known of the file that it came from."""

    image: Image.Image
    """The picture, upright."""
    format: str
    """Name of its decoder: JPEG, PNG, …"""
    mode: str
    """How the file holds a pixel: RGB, L, CMYK, P, …"""
    frames: int
    """Pictures in the file; more than one where it is animated or has pages."""
    orientation: int
    """The EXIF orientation, 1 where there is none."""
    deep: bool
    """Whether a channel has more than 8 bits in the file."""


def read_image(source: Path | bytes, name: str = "", most_pixels: int = MOST_PIXELS) -> Image.Image:
    """Decode an image completely and turn it upright.

    Every pixel is read, so a truncated file fails here and nowhere later. Of an animation the first frame is taken.
    The camera's EXIF orientation is applied, so that what the model sees is what a person sees.

    Raises:
        ImageError: names the file and says what is wrong with it; also where it has more pixels than ``most_pixels``.
    """
    label = name or (str(source) if isinstance(source, Path) else "image")
    try:
        raw = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise ImageError(f"cannot read {label}", got=error.strerror or str(error)) from error
    return _opened(raw, label, lambda image: _whole(image, label, most_pixels))


def decode(raw: bytes, name: str = "image", most_pixels: int = MOST_PIXELS) -> Decoded:
    """Decode as ``read_image`` does, and tell what the file is.

    Raises:
        ImageError: damaged, of more pixels than ``most_pixels``, or of pixels without an agreed range.
    """
    return _opened(raw, name, lambda image: _examined(image, name, most_pixels))


def _opened(raw: bytes, label: str, use: Callable[[Image.Image], _Result]) -> _Result:
    """What ``use`` makes of an image whose header was read; decoders' errors become ours."""
    if not raw:
        hint = "remove the file or restore it from its source"
        raise _fault("empty", f"{label} is empty", got="0 bytes", hint=hint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return use(Image.open(io.BytesIO(raw)))
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        got = f"{len(raw)} bytes that no decoder knows"
        raise _fault("unknown", f"{label} is not an image", got=got) from error
    except Image.DecompressionBombError as error:
        raise _fault("large", f"{label} has too many pixels", got=f"more than {MOST_PIXELS:,} pixels") from error
    except Exception as error:  # damaged files make decoders raise nearly anything, RuntimeError and struct.error too
        kind = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise _fault(kind, f"{label} cannot be decoded", got=_reason(error)) from error


def _fault(kind: str, what: str, got: str, hint: str = "") -> ImageError:
    error = ImageError(what, got=got, hint=hint)
    error.kind = kind
    return error


def _whole(image: Image.Image, label: str, most_pixels: int) -> Image.Image:
    _refuse_large(image, label, most_pixels)
    image.load()
    return upright(image)


def _refuse_large(image: Image.Image, label: str, most_pixels: int) -> None:
    width, height = image.size
    if width * height > most_pixels:
        got = f"{width} x {height} pixels, more than {most_pixels:,}"
        raise _fault("large", f"{label} has too many pixels", got=got)


def _examined(image: Image.Image, label: str, most_pixels: int) -> Decoded:
    _refuse_large(image, label, most_pixels)
    tiles = getattr(image, "tile", None)  # a tile says how the decoder finds the pixels
    raw_mode = str(tiles[0][3]) if tiles else ""
    image.load()
    if image.mode in _NO_RANGE:
        to_color(image.crop((0, 0, 1, 1)), "gray")  # raises
    orientation = _orientation(image)
    return Decoded(
        image=image if orientation == 1 else upright(image),
        format=image.format or "",
        mode=image.mode,
        frames=_frames(image),
        orientation=orientation,
        deep=image.mode.startswith("I;16") or ";16" in raw_mode,
    )


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
    if image.mode in _NO_RANGE:
        error = ImageError("pixels have no agreed range", got=f"mode {image.mode}", allowed=["8 or 16 bits a channel"])
        error.kind = "range"
        raise error
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("L" if color == "gray" else "RGB")


def as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """The picture of pixels ``[h, w]``, ``[h, w, 1]`` (both gray) or ``[h, w, 3]`` (RGB)."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels)


def upright(image: Image.Image) -> Image.Image:
    """The image as a person sees it: the EXIF orientation applied and its tag dropped, so that twice is as once.

    An EXIF block that cannot be parsed counts as none.
    """
    orientation = _orientation(image)
    if orientation == 1:
        return image
    turned = image.transpose(_TURNS[orientation])
    for block in ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"):
        turned.info.pop(block, None)
    return turned


def _frames(image: Image.Image) -> int:
    """Pictures in the file. Cameras put a preview beside the picture (MPO): that counts as none."""
    with contextlib.suppress(Exception):  # later pictures may be damaged where the first one, which is used, is sound
        return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
    return 1


def _orientation(image: Image.Image) -> int:
    orientation = None
    if image.format == "JPEG" and not {"exif", "xmp"} & image.info.keys():
        return 1  # looking for a tag that is nowhere takes as long as opening the file
    with contextlib.suppress(Exception):  # a damaged block makes Pillow raise nearly anything
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    return orientation if orientation in _TURNS else 1


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return "the file is truncated" if "truncated" in text.lower() else text
