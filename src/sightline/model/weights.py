"""Weights from a file into a network, with an account of what went where."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sightline.errors import WeightsError, shortened

_NESTS = ("state_dict", "model_state_dict", "model_state", "ema", "model", "weights", "net")
_PREFIXES = re.compile(r"^(?:module|model|backbone|_orig_mod|net|encoder)\.")


@dataclasses.dataclass(frozen=True)
class WeightsReport:
    """What was loaded, what was not, and why."""

    source: str
    """The file, or the name of the published weights."""
    loaded: tuple[str, ...]
    """Tensors of the model that were filled."""
    missing: tuple[str, ...]
    """Tensors of the model that the file does not have: they keep their initial values."""
    mismatched: tuple[str, ...]
    """Tensors that both have in different shapes, with both shapes: they keep their initial values."""
    unused: tuple[str, ...]
    """Tensors of the file that the model does not have."""

    def lines(self) -> list[str]:
        """The report in words."""
        total = len(self.loaded) + len(self.missing) + len(self.mismatched)
        lines = [f"weights: {len(self.loaded)} of {total} tensors loaded from {self.source}"]
        lines += [
            f"  {words} ({len(names)}): {shortened(names)}"
            for words, names in (
                ("left at their initial values, not in the file", self.missing),
                ("left at their initial values, other shape", self.mismatched),
                ("in the file but not in the model", self.unused),
            )
            if names
        ]
        return lines

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}


def load_weights(module: nn.Module, path: Path) -> WeightsReport:
    """Fill a network from a ``.safetensors`` file or a torch file.

    Torch files are read with ``weights_only=True``, so no code in them is run. Nested dictionaries and the prefixes
    that wrappers leave (``module.``, ``model.``, ``backbone.``) are undone. A first convolution for another number of
    channels is left at its initial values, like every other mismatch, and reported.

    Raises:
        WeightsError: the file is missing, damaged or no weights file, or not one tensor fits.
    """
    found = _stripped(_read(path), set(module.state_dict()))
    own = module.state_dict()
    fits = {key: value for key, value in found.items() if key in own and own[key].shape == value.shape}
    other = sorted(key for key in found if key in own and key not in fits)
    if not any(value.ndim > 1 for value in fits.values()):
        raise WeightsError(
            "nothing in the weights file matches the model",
            where=str(path),
            got=f"tensors such as {shortened(sorted(found), 3)}",
            allowed=[f"tensors such as {shortened(list(own), 3)}"],
            hint="give weights of the same architecture, or name that architecture with -s model.name=…",
        )
    module.load_state_dict(fits, strict=False)
    counters = {key for key in own if key.endswith("num_batches_tracked")}
    return WeightsReport(
        source=str(path),
        loaded=tuple(key for key in own if key in fits),
        missing=tuple(key for key in own if key not in found and key not in counters),
        mismatched=tuple(f"{key} {list(found[key].shape)} -> {list(own[key].shape)}" for key in other),
        unused=tuple(sorted(key for key in found if key not in own)),
    )


def _read(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise WeightsError(
            "the weights file does not exist",
            where="model.weights",
            got=path,
            allowed=["auto", "none", "hub", "a file"],
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415  only for this format

            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            "the weights file cannot be read",
            where=str(path),
            got=str(error).strip().split("\n")[0][:300] or type(error).__name__,
            hint="give a .safetensors file, or a torch file of plain tensors (it is read with weights_only=True)",
        ) from error
    while isinstance(content, dict):
        nest = next((key for key in _NESTS if isinstance(content.get(key), dict)), None)
        if nest is None:
            break
        content = content[nest]
    tensors = (
        {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)} if isinstance(content, dict) else {}
    )
    if not tensors:
        raise WeightsError("no tensors in the weights file", where=str(path), got=type(content).__name__)
    return tensors


def _stripped(tensors: dict[str, torch.Tensor], own: set[str]) -> dict[str, torch.Tensor]:
    """Remove wrappers' prefixes from the keys that do not fit as they are."""

    def strip(key: str) -> str:
        while key not in own:
            shorter = _PREFIXES.sub("", key)
            if shorter == key:
                break
            key = shorter
        return key

    return {strip(key): value for key, value in tensors.items()}
