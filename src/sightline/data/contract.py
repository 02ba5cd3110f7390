"""The preprocessing contract: what happens to an image between its file and the model.

Training's evaluation, ``evaluate``, ``predict``, the export gate and the service read only this object. It needs
NumPy and Pillow and no torch, so that every one of them runs the same code.
"""

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightline.data.image import Color, as_image, read_image, to_color, upright
from sightline.data.outputs import Kind, Outputs
from sightline.errors import DataError, ImageError
from sightline.files import write_json

Resize = Literal["crop", "squash", "pad"]
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Pillow's resampling filters, all with antialiasing when they shrink."""
VERSIONS = (1, 2, 3)
"""Meanings of the fields that are known here: 2 has ``outputs`` beside those of 1, 3 has ``temperature``."""
_MORE = {1: frozenset[str](), 2: frozenset({"outputs"}), 3: frozenset({"temperature"})}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contract:
    """Decode, turn upright, convert, resize, crop, scale: every choice, and the names of the outputs."""

    classes: tuple[str, ...]
    """Names of the classes, labels or numbers in the order of the model's outputs."""
    color: Color
    """``rgb`` (three channels) or ``gray`` (one)."""
    height: int
    """Height of what the model sees, in pixels."""
    width: int
    """Width of what the model sees, in pixels."""
    resize: Resize
    """crop: shorter side to ``shorter``, then the center; squash: to the size; pad: longer side, then a border."""
    shorter: int
    """With ``crop``: the shorter side after resizing, in pixels."""
    interpolation: str
    """A key of ``FILTERS``."""
    mean: tuple[float, ...]
    """Mean of each channel on pixels scaled to 0-1."""
    std: tuple[float, ...]
    """Standard deviation of each channel on pixels scaled to 0-1."""
    fill: int = 0
    """With ``pad``: value of the border, 0-255."""
    outputs: Outputs | None = None
    """What the outputs mean where they are labels or numbers; ``None``: one class an image."""
    temperature: float = 1.0
    """What the logits of one class an image are divided by before they become probabilities."""

    def __post_init__(self) -> None:
        faults = _faults(self)
        if faults:
            raise DataError(
                "the preprocessing contract cannot be honoured",
                got="; ".join(faults),
                hint="see data.image_size, data.color, data.resize, data.interpolation, data.mean and data.std",
            )

    @property
    def kind(self) -> Kind:
        """What the model answers with: one ``class``, any of several ``labels``, or ``numbers``."""
        return "class" if self.outputs is None else self.outputs.kind

    @property
    def version(self) -> int:
        """Meaning of the fields; a reader refuses versions it does not know."""
        if self.temperature != 1.0:
            return 3
        return 1 if self.outputs is None else 2

    @property
    def channels(self) -> int:
        """3 for ``rgb``, 1 for ``gray``."""
        return 3 if self.color == "rgb" else 1

    @property
    def hash(self) -> str:
        """Hex SHA-256 over every field; equal hashes mean equal preprocessing and labels."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def read(self, source: str | Path | bytes, name: str = "") -> NDArray[np.uint8]:
        """Decode a file and give what the model sees: uint8 ``[height, width, channels]``.

        Raises:
            ImageError: the file cannot be decoded, or its pixels have no agreed range. Names the file.
        """
        source = Path(source) if isinstance(source, str) else source
        image = read_image(source, name)
        try:
            return self._seen(image)
        except ImageError as error:
            where = name or (str(source) if isinstance(source, Path) else "")
            raise ImageError(error.what, where=where, got=error.got, allowed=error.allowed) from error

    def pixels(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the model sees of an image: uint8 ``[height, width, channels]``.

        Args:
            image: a Pillow image, which is turned upright by its EXIF tag where that was not done yet; or uint8
                pixels ``[h, w]``, ``[h, w, 1]`` (gray) or ``[h, w, 3]`` (RGB).
        """
        return self._seen(upright(image if isinstance(image, Image.Image) else as_image(image)))

    def _seen(self, image: Image.Image) -> NDArray[np.uint8]:
        array = np.asarray(self.resized(to_color(image, self.color)))
        return array[:, :, None] if array.ndim == 2 else array

    def scaled(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The model's input: uint8 ``[n, height, width, channels]`` to float32 ``[n, channels, height, width]``."""
        mean, std = (np.asarray(values, np.float32) for values in (self.mean, self.std))
        return ((pixels.astype(np.float32) / np.float32(255) - mean) / std).transpose(0, 3, 1, 2)

    def resized(self, image: Image.Image) -> Image.Image:
        """Apply the resize rule to an image that already has the right channels."""
        size, kind = (self.width, self.height), FILTERS[self.interpolation]
        if image.size == size and (self.resize != "crop" or self.shorter == min(size)):
            return image
        if self.resize == "squash":
            return image.resize(size, kind)
        width, height = image.size
        if self.resize == "pad":
            scale = min(self.width / width, self.height / height)
            inner = (max(1, round(width * scale)), max(1, round(height * scale)))
            paper = Image.new(image.mode, size, (self.fill,) * self.channels if self.channels > 1 else self.fill)
            left_top = ((self.width - inner[0]) // 2, (self.height - inner[1]) // 2)
            paper.paste(image.resize(inner, kind), left_top)
            return paper
        short = min(width, height)
        if short != self.shorter:
            width, height = (max(1, side * self.shorter // short) for side in (width, height))
            image = image.resize((width, height), kind)
        left, top = round((width - self.width) / 2), round((height - self.height) / 2)
        return image.crop((left, top, left + self.width, top + self.height))

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary with every field."""
        plain = dataclasses.asdict(self) | {"version": self.version, "classes": list(self.classes)}
        # As floats, so that a mean of 0 and one of 0.0 are the same contract.
        plain |= {"mean": [float(value) for value in self.mean], "std": [float(value) for value in self.std]}
        del plain["outputs"], plain["temperature"]
        if self.temperature != 1.0:
            plain["temperature"] = float(self.temperature)
        return plain if self.outputs is None else plain | {"outputs": self.outputs.as_dict()}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> "Contract":
        """The contract that ``as_dict`` described.

        Raises:
            DataError: a field is missing, unknown, or has a value that cannot be honoured.
        """
        version = document.get("version")
        if version is not None and (type(version) is not int or version not in VERSIONS):
            raise DataError(
                "preprocessing contract of another version", got=version, allowed=VERSIONS,
                hint="use the Sightline version that wrote it",
            )  # fmt: skip
        later = frozenset[str]().union(*_MORE.values())
        names = {field.name for field in dataclasses.fields(cls)} - later | {"version"}
        wrong = sorted(set(document) ^ (names | _MORE[version or 1]))
        if wrong:
            raise DataError("not a preprocessing contract", got=f"missing or unknown fields: {', '.join(wrong)}")
        values = {key: value for key, value in document.items() if key != "version"}
        if "outputs" in values:
            values["outputs"] = Outputs.from_dict(values["outputs"])
        for key in ("classes", "mean", "std"):
            if not isinstance(values[key], list):
                raise DataError("not a preprocessing contract", got=f"{key} is no list")
            values[key] = tuple(values[key])
        return cls(**values)

    def save(self, path: str | Path) -> None:
        """Write the contract and its hash as JSON."""
        write_json(Path(path), self.as_dict() | {"hash": self.hash})

    @classmethod
    def load(cls, path: str | Path) -> "Contract":
        """Read what ``save`` wrote.

        Raises:
            DataError: the file is no contract, or was changed by hand so that its hash no longer fits.
        """
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
            stored = document.pop("hash", None)
        except OSError as error:
            raise DataError("cannot read the preprocessing contract", where=str(path), got=error.strerror) from error
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError("not a preprocessing contract", where=str(path), got=str(error)) from error
        contract = cls.from_dict(document)
        if stored != contract.hash:
            raise DataError("the preprocessing contract was changed", where=str(path), hint="restore the file")
        return contract


def _faults(contract: Contract) -> list[str]:
    """What no code could honour; a contract may come from a file that anybody wrote."""
    names: tuple[Any, ...] = contract.classes
    sizes: list[Any] = [contract.height, contract.width, contract.shorter, contract.fill]
    scales: list[Any] = [*contract.mean, *contract.std]
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        return ["classes are not distinct names"]
    if not all(type(size) is int for size in sizes):
        return ["height, width, shorter and fill are not all whole numbers"]
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in scales):
        return ["mean and std are not all finite numbers"]
    found: list[str] = []
    choices = (("color", ("rgb", "gray")), ("resize", ("crop", "squash", "pad")), ("interpolation", tuple(FILTERS)))
    for key, allowed in choices:
        if getattr(contract, key) not in allowed:
            found.append(f"{key} {getattr(contract, key)!r} is none of {', '.join(allowed)}")
    if min(contract.height, contract.width) < 1 or not 0 <= contract.fill <= 255:
        found.append(f"a size of {contract.height} x {contract.width} with border {contract.fill}")
    if contract.resize == "crop" and contract.shorter < max(contract.height, contract.width):
        found.append(f"a shorter side of {contract.shorter} does not cover {contract.height} x {contract.width}")
    if not len(contract.mean) == len(contract.std) == contract.channels:
        count = f"one value per channel ({contract.channels} for {contract.color})"
        found.append(f"mean and std need {count}, not {list(contract.mean)} and {list(contract.std)}")
    if min(contract.std, default=1) <= 0:
        found.append(f"std must be above zero, not {list(contract.std)}")
    temperature: Any = contract.temperature
    if not isinstance(temperature, int | float) or not math.isfinite(temperature) or temperature <= 0:
        found.append(f"a temperature of {temperature!r}")
    elif temperature != 1.0 and contract.outputs is not None:
        found.append("a temperature without classes to be sure of")
    return found + (contract.outputs.faults(len(names)) if contract.outputs is not None else [])
