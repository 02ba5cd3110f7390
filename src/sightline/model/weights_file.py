"""Reading a file of weights: tensors by name, and what else it says."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sightline.errors import WeightsError, shortened

_NESTS = ("state_dict", "model_state_dict", "model_state", "ema", "model", "module", "weights", "net")
"""What checkpoints call the part that holds the weights; the first one that holds any is taken."""
SIBLINGS = (".classes.txt", ".labels.txt")
"""What the name of a file with the class names ends in, in place of the suffix of the weights beside it."""


@dataclasses.dataclass(frozen=True, eq=False)
class WeightsFile:
    """What a file holds."""

    source: str
    """Where it lies, or what it was taken from."""
    tensors: dict[str, torch.Tensor]
    """On the CPU, by the names they have in the file."""
    ordered: bool
    """Whether their order is that of the network they were saved from; safetensors keeps none."""
    classes: tuple[str, ...] | None = None
    """Class of each row of the head, where that is known."""


def read_weights(path: Path, named_by: Path | None = None) -> WeightsFile:
    """Read a ``.safetensors`` file or a torch file, wherever its tensors were when they were saved.

    Torch files are read with ``weights_only=True``, so no code in them is run. Nested dictionaries are undone.

    Args:
        path: the file.
        named_by: text file with the class names of the head, one a line; where missing, a file beside the weights
            called like them with ``.classes.txt`` or ``.labels.txt`` in place of the suffix.

    Raises:
        WeightsError: a file is missing, damaged or no weights file.
    """
    require_file(path)
    if path.suffix == ".onnx":
        raise WeightsError(
            "an ONNX file holds no weights that a model can be filled from", where=str(path),
            hint="give the folder of the run that it was exported from, or its checkpoint",
        )  # fmt: skip
    plain = path.suffix == ".safetensors"
    try:
        if plain:
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
    return WeightsFile(str(path), tensors_in(content, str(path)), not plain, _classes(path, named_by))


def require_file(path: Path) -> None:
    """Let a file pass that is there.

    Raises:
        WeightsError: it is not.
    """
    if not path.is_file():
        raise WeightsError(
            "the weights file does not exist",
            where="model.weights",
            got=path,
            allowed=["auto", "none", "hub", "a file", "an http(s) address", "the folder of a run"],
        )


def tensors_in(content: Any, source: str) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint, from whatever it is wrapped in.

    Raises:
        WeightsError: there are none.
    """
    tensors = _nested(content)
    if not tensors:
        held = f" of {shortened([str(key) for key in content]) or 'nothing'}" if isinstance(content, dict) else ""
        raise WeightsError(
            "no tensors in the weights file", where=source, got=f"{type(content).__name__}{held}",
            hint="give the tensors by name, as torch.save(model.state_dict(), FILE) does, or under one of the keys "
            + ", ".join(_NESTS),
        )  # fmt: skip
    return tensors


def _nested(content: Any) -> dict[str, torch.Tensor]:
    """The tensors of the first nest that holds more than counters, else those that are here."""
    if not isinstance(content, dict):
        return {}
    for key in _NESTS:
        found = _nested(content.get(key))
        if any(value.ndim for value in found.values()):
            return found
    return {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}


def _classes(path: Path, named_by: Path | None) -> tuple[str, ...] | None:
    beside = [path.with_name(path.stem + ending) for ending in SIBLINGS]
    file = named_by or next((one for one in beside if one.is_file()), None)
    return None if file is None else class_names(file)


def class_names(path: Path) -> tuple[str, ...]:
    """The class names in a text file, one a line.

    Raises:
        WeightsError: it cannot be read, or a name is missing.
    """
    try:
        names = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError("the class names cannot be read", where="model.weights_classes", got=error) from error
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    odd = _odd(names)
    if odd:
        raise WeightsError(
            f"the class names of the weights {odd}",
            where=str(path),
            hint="give one name a line, in the order of the rows",
        )
    return tuple(names)


def _odd(names: Sequence[str]) -> str:
    if not names:
        return "are missing: the file is empty"
    return f"have an empty line: {names.index('') + 1}" if "" in names else ""
