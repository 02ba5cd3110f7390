"""Images that are at hand as 8-bit pixels, so that nothing is decoded again: in what form, and how to get at them.

There are two forms. *Frames* are exactly what the contract makes of an image. *Whole images* keep their shape and are
made smaller where their shorter side is above the working side; random crops are taken from those.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from sightline.data.contract import FILTERS, Contract
from sightline.data.image import as_image, to_color, upright
from sightline.data.samples import Samples

Pixels = NDArray[np.uint8]
"""``[height, width, channels]``, unless something else is said."""
Group = tuple[NDArray[np.int64], Pixels]
"""Places in a batch, and the frames that belong there ``[m, height, width, channels]``."""

_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Form:
    """What is kept of an image."""

    contract: Contract
    side: int | None = None
    """Shorter side of whole images, in pixels, at most; ``None``: frames."""

    @property
    def key(self) -> str:
        """Equal keys mean equal pixels of equal files."""
        return hashlib.sha256(json.dumps(self.described(), sort_keys=True).encode()).hexdigest()[:32]

    def described(self) -> dict[str, Any]:
        """Everything that the kept pixels depend on beside the file; the decoder's version is a part of it."""
        own = self.contract
        names = ("color", "interpolation")
        if self.side is None:
            names += ("height", "width", "resize", "shorter", "fill", "version")
        fields = {name: getattr(own, name) for name in names}
        return fields | {"side": self.side, "pillow": PIL.__version__, "layout": _VERSION}

    def made(self, image: Image.Image | Pixels) -> Pixels:
        """What is kept of an upright image."""
        if self.side is None:
            return self.contract.pixels(image)
        picture = to_color(upright(image if isinstance(image, Image.Image) else as_image(image)), self.contract.color)
        width, height = self.size(*picture.size)
        if (width, height) != picture.size:
            picture = picture.resize((width, height), FILTERS[self.contract.interpolation])
        array = np.asarray(picture)
        return array[:, :, None] if array.ndim == 2 else array

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of what is kept of an image of this size."""
        if self.side is None:
            return self.contract.width, self.contract.height
        short = min(width, height)
        if short <= self.side:
            return width, height
        return max(1, round(width * self.side / short)), max(1, round(height * self.side / short))

    def bytes_of(self, widths: NDArray[Any], heights: NDArray[Any]) -> int:
        """Bytes that images of these sizes take when they are kept."""
        channels = self.contract.channels
        if self.side is None:
            return len(widths) * self.contract.height * self.contract.width * channels
        short = np.maximum(1, np.minimum(widths, heights)).astype(np.int64)
        kept = [np.where(short <= self.side, one, np.rint(one * self.side / short)) for one in (widths, heights)]
        return int((kept[0] * kept[1]).sum()) * channels

    def is_as_given(self, pixels: Pixels) -> bool:
        """Whether images in memory, ``[n, h, w]`` or ``[n, h, w, 3]``, already have this form."""
        own, (height, width) = self.contract, pixels.shape[1:3]
        if (own.color == "gray") != (pixels.ndim == 3):
            return False
        if self.side is not None:
            return min(height, width) <= self.side
        whole = own.resize != "crop" or own.shorter == min(height, width)
        return (height, width) == (own.height, own.width) and whole


class Images(Protocol):
    """Images in one form, by their place among the samples."""

    form: Form

    def absent(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each of these has to be decoded."""
        ...

    def image(self, index: int) -> Pixels:
        """The pixels of an image ``[h, w, channels]``; they must not be written to."""
        ...

    def frames(self, indices: NDArray[np.int64]) -> Iterator[Group]:
        """Frames at these places, grouped by the memory that they lie in; only where the form is frames."""
        ...


class ImagesInMemory:
    """Samples whose pixels have the form already."""

    def __init__(self, samples: Samples, form: Form):
        assert samples.pixels is not None
        count, height, width = samples.pixels.shape[:3]
        self.form, self.pixels = form, samples.pixels.reshape(count, height, width, form.contract.channels)

    def absent(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """None of them has to be decoded."""
        return np.zeros(len(indices), np.bool_)

    def image(self, index: int) -> Pixels:
        """The pixels of an image."""
        return self.pixels[index]

    def frames(self, indices: NDArray[np.int64]) -> Iterator[Group]:
        """All of them lie in one array."""
        yield np.arange(len(indices)), self.pixels[indices]


def picture(pixels: Pixels) -> Pixels:
    """Kept pixels as ``Transform`` takes them: gray ones without an axis for the channel."""
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
