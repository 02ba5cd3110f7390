"""Rows of a head that was trained for other classes: those of the same names are kept."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from sightline.errors import WeightsError, shortened


@dataclasses.dataclass(frozen=True)
class Rows:
    """What became of the rows of the head."""

    named: bool
    """Whether the file's classes are known; if not, rows went by their place."""
    shared: tuple[str, ...]
    """Classes whose rows were copied."""
    fresh: tuple[str, ...]
    """Classes of the model that the file does not know: their rows keep their initial values."""
    left: int
    """Classes of the file that the model does not have."""
    several: tuple[str, ...] = ()
    """Classes of the model whose name several rows of the file have: they start anew."""

    def words(self) -> str:
        """The account in a line."""
        if not self.named:
            return "head: taken row by row; the file does not name its classes (model.weights_classes)"
        parts = [f"{len(self.shared)} of {len(self.shared) + len(self.fresh)} classes reused by name"]
        parts += [
            f"{words}: {shortened(names)}" for words, names in (("kept", self.shared), ("new", self.fresh)) if names
        ]
        parts += [f"{self.left} of the file left out"] if self.left else []
        parts += [f"several rows have the name: {shortened(self.several)}"] if self.several else []
        return f"head: {'; '.join(parts)}"

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}


def match_rows(
    found: Mapping[str, torch.Tensor],
    own: Mapping[str, torch.Tensor],
    rows: Sequence[str],
    classes: Sequence[str],
    given: Sequence[str] | None,
) -> tuple[dict[str, torch.Tensor], Rows | None]:
    """Put the rows of the file's head where the model has the same classes.

    Args:
        found: tensors of the file, by their names in the model.
        own: tensors of the model, which give the other rows.
        rows: names of the tensors with one row, or number, a class.
        classes: names of the model's rows.
        given: names of the file's rows, if they are known.

    Returns:
        The tensors of the file with those of the head in the model's shape, or without them where no class is shared;
        and what was done.

    Raises:
        WeightsError: the file has another number of rows than of names.
    """
    there = [key for key in rows if key in found]
    if not there:
        return dict(found), None
    if given is None:
        same = all(found[key].shape == own[key].shape for key in there)
        return dict(found), Rows(False, (), (), 0) if same else None
    wrong = next((key for key in there if len(found[key]) != len(given)), None)
    if wrong is not None:
        raise WeightsError(
            "the class names are not those of the weights' head", where="model.weights_classes",
            got=f"{len(given)} names for the {len(found[wrong])} rows of {wrong}",
            hint="give the names that the weights were trained with, one a line",
        )  # fmt: skip
    place = {name: row for row, name in enumerate(given) if given.count(name) == 1}
    shared = [name for name in classes if name in place]
    fits = [key for key in there if found[key].shape[1:] == own[key].shape[1:]]
    result = {key: value for key, value in found.items() if key not in there or (key not in fits)}
    if not fits:
        return result, None
    if shared:
        into = torch.tensor([row for row, name in enumerate(classes) if name in place])
        source = torch.tensor([place[name] for name in shared])
        for key in fits:
            filled = own[key].detach().cpu().clone()
            filled[into] = found[key][source].to(filled)
            result[key] = filled
    fresh = tuple(name for name in classes if name not in place)
    several = tuple(name for name in fresh if name in given)
    return result, Rows(True, tuple(shared), fresh, len(given) - len(shared), several)
