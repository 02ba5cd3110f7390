"""Weights from a file into a network, with an account of what went where."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from sightline.errors import WeightsError, shortened
from sightline.model.weights_file import WeightsFile, read_weights
from sightline.model.weights_names import COUNTER, by_order, renamed
from sightline.model.weights_rows import Rows, match_rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsReport:
    """What was loaded, what was not, and why."""

    source: str
    """The file, or the name of the published weights."""
    loaded: tuple[str, ...]
    """Tensors of the model that were filled, whole or in part."""
    missing: tuple[str, ...]
    """Tensors of the model that the file does not have: they keep their initial values."""
    mismatched: tuple[str, ...]
    """Tensors that both have in different shapes, with both shapes: they keep their initial values."""
    unused: tuple[str, ...]
    """Tensors of the file that the model does not have."""
    renamed: tuple[str, ...] = ()
    """Tensors that were found by a rule or by their place, ``old -> new``."""
    match: str = "name"
    """How they were found: name or order."""
    rows: Rows | None = None
    """What became of the rows of the head; none: nothing of it was loaded."""

    def lines(self) -> list[str]:
        """The report in words."""
        total = len(self.loaded) + len(self.missing) + len(self.mismatched)
        lines = [f"weights: {len(self.loaded)} of {total} tensors loaded from {self.source}"]
        found = "found by order and shape" if self.match == "order" else "found by the rules"
        lines += [
            f"  {words} ({len(names)}): {shortened(names)}"
            for words, names in (
                (found, self.renamed),
                ("left at their initial values, not in the file", self.missing),
                ("left at their initial values, other shape", self.mismatched),
                ("in the file but not in the model", self.unused),
            )
            if names
        ]
        return lines + ([f"  {self.rows.words()}"] if self.rows is not None else [])

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        return plain | {"rows": None if self.rows is None else self.rows.as_dict()}


def load_weights(
    module: nn.Module,
    source: Path | WeightsFile,
    *,
    rules: Mapping[str, str] | None = None,
    match: Literal["name", "order"] = "name",
    head: Sequence[str] = (),
    rows: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> WeightsReport:
    """Fill a network from a file.

    Names are changed by the rules, and the prefixes that wrappers leave (``module.``, ``model.``, ``backbone.``) are
    undone. A first convolution for another number of channels is left at its initial values, like every other
    mismatch, and reported. Rows of the head go to the classes of the same names, where the file's are known.

    Args:
        module: the network.
        source: a ``.safetensors`` or torch file, or what was read from one.
        rules: other names for tensors of the file.
        match: whether tensors are found by name, or one after the other by shape.
        head: names of the parameters of the head.
        rows: those of them that hold one row, or number, a class.
        classes: names of those rows in the network.

    Raises:
        WeightsError: the file is missing, damaged or no weights file, or not one tensor fits; says so where order and
            shape would fit.
    """
    file = read_weights(source) if isinstance(source, Path) else source
    own = module.state_dict()
    names = renamed(file.tensors, rules or {}, own)
    ordered = by_order(file.tensors, own, head) if file.ordered else ({}, "a safetensors file keeps no order")
    if match == "order":
        _refuse_order(ordered[1], names, own, file)
        names = ordered[0] | {key: key for key in file.tensors if key not in ordered[0] and not key.endswith(COUNTER)}
    found = {names[key]: value for key, value in file.tensors.items() if key in names}
    kept, account = match_rows(found, own, rows, classes, file.classes)
    fits = {key: value for key, value in kept.items() if key in own and own[key].shape == value.shape}
    if not any(value.ndim > 1 for value in fits.values()):
        raise _nothing(file, list(found), list(own), ordered[0] if match == "name" else {})
    module.load_state_dict(fits, strict=False)
    differ = [key for key in sorted(found) if key in own and key not in fits]
    return WeightsReport(
        source=file.source,
        loaded=tuple(key for key in own if key in fits),
        missing=tuple(key for key in own if key not in found and not key.endswith(COUNTER)),
        mismatched=tuple(_differs(key, found[key], own[key]) for key in differ),
        unused=tuple(sorted(key for key in found if key not in own)),
        renamed=_renamings(file, names, own, rules or {}, match),
        match=match,
        rows=account,
    )


def _differs(key: str, given: torch.Tensor, own: torch.Tensor) -> str:
    if given.shape == own.shape:
        return f"{key} of other classes"
    return f"{key} {list(given.shape)} -> {list(own.shape)}"


def _renamings(
    file: WeightsFile, names: Mapping[str, str], own: Collection[str], rules: Mapping[str, str], match: str
) -> tuple[str, ...]:
    """What the rules or the order did, beyond undoing prefixes."""
    if match == "name" and not rules:
        return ()
    plain = renamed(file.tensors, {}, own)
    return tuple(f"{key} -> {new}" for key, new in names.items() if new in own and plain[key] != new)


def _refuse_order(reason: str, names: Mapping[str, str], own: Mapping[str, torch.Tensor], file: WeightsFile) -> None:
    if reason:
        raise WeightsError(
            f"the weights cannot be matched by order: {reason}", where=f"model.weights_match, {file.source}",
            hint="remove it and give model.weights_rules, or weights of the same architecture",
        )  # fmt: skip
    there = {names[key] for key in file.tensors}
    if all(key in there for key in own if not key.endswith(COUNTER)):
        raise WeightsError(
            "model.weights_match=order has no effect: every tensor is found by its name",
            where="model.weights_match", hint="remove it",
        )  # fmt: skip


def _nothing(file: WeightsFile, found: Sequence[str], own: Sequence[str], pairs: Mapping[str, str]) -> WeightsError:
    hint = "give weights of the same architecture, or name that architecture with -s model.name=…"
    if pairs:
        shown = shortened([f"{key} -> {name}" for key, name in pairs.items()])
        hint = f"by order and shape {len(pairs)} tensors would fit: {shown}. Where that is right: "
        hint += "-s model.weights_match=order; otherwise write model.weights_rules"
    return WeightsError(
        "nothing in the weights file matches the model",
        where=file.source,
        got=f"tensors such as {shortened(sorted(found), 3)}",
        allowed=[f"tensors such as {shortened(own, 3)}"],
        hint=hint,
    )
