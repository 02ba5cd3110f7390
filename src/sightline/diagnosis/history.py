"""What happened in a training, as columns of numbers."""

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _floats() -> Floats:
    return np.zeros(0)


def _ints() -> Ints:
    return np.zeros(0, np.int64)


def _rows() -> Floats:
    return np.zeros((0, 0))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Steps:
    """One row an optimizer step. What was not told is NaN, and so is a number that is none."""

    step: Ints = dataclasses.field(default_factory=_ints)
    epoch: Floats = dataclasses.field(default_factory=_floats)
    loss: Floats = dataclasses.field(default_factory=_floats)
    """Mean over the batch, of the images as the augmentation made them, in training mode."""
    score: Floats = dataclasses.field(default_factory=_floats)
    """The figure of the task over the same images."""
    lr: Floats = dataclasses.field(default_factory=_floats)
    images: Floats = dataclasses.field(default_factory=_floats)
    seconds: Floats = dataclasses.field(default_factory=_floats)
    """Of the whole step, waiting included."""
    wait: Floats = dataclasses.field(default_factory=_floats)
    """Seconds of it without a batch to work on."""
    grad_norm: Floats = dataclasses.field(default_factory=_floats)
    """L2 of the whole gradient before clipping; only where it is clipped."""

    def __len__(self) -> int:
        return len(self.step)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Evals:
    """One row an evaluation on the validation part."""

    step: Ints = dataclasses.field(default_factory=_ints)
    epoch: Floats = dataclasses.field(default_factory=_floats)
    loss: Floats = dataclasses.field(default_factory=_floats)
    loss_sd: Floats = dataclasses.field(default_factory=_floats)
    """Standard deviation of the losses of single images."""
    score: Floats = dataclasses.field(default_factory=_floats)
    seen_loss: Floats = dataclasses.field(default_factory=_floats)
    """The same on a fixed sample of the training part, in evaluation mode and without augmentation."""
    seen_loss_sd: Floats = dataclasses.field(default_factory=_floats)
    seen_score: Floats = dataclasses.field(default_factory=_floats)
    seen_n: Floats = dataclasses.field(default_factory=_floats)
    """Images in that sample."""
    true: Floats = dataclasses.field(default_factory=_rows)
    """Validation images of each class, ``[evaluations, classes]``; no columns where it was not told."""
    predicted: Floats = dataclasses.field(default_factory=_rows)
    """How often each class was the answer."""
    hits: Floats = dataclasses.field(default_factory=_rows)
    """How often it was the right one."""

    def __len__(self) -> int:
        return len(self.step)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Looks:
    """One row a look at the layers, in the order in which the forward pass meets them."""

    step: Ints = dataclasses.field(default_factory=_ints)
    layers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    """Names of their classes."""
    figures: Mapping[str, Floats] = dataclasses.field(default_factory=dict[str, Floats])
    """By name, ``[looks, layers]``; NaN where it has no meaning."""

    def __len__(self) -> int:
        return len(self.step)

    def figure(self, name: str) -> Floats:
        """A figure ``[looks, layers]``; NaN throughout where none of that name was taken."""
        return self.figures.get(name, np.full((len(self), len(self.layers)), np.nan))

    def of_learning(self, name: str) -> Floats:
        """The same, NaN where a layer got no gradient that is a number: it was frozen, or the step left out."""
        return np.where(np.isfinite(self.figure("gradient_norm")), self.figure(name), np.nan)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class History:
    """What the records of a training tell, oldest first."""

    figure: str = "accuracy"
    """What the task is judged by beside the loss."""
    steps: Steps = Steps()
    evals: Evals = Evals()
    looks: Looks = Looks()
    notes: tuple[tuple[int, str], ...] = ()
    """Step and text of each note."""

    def until(self, step: int) -> "History":
        """The history as it was after a step: views, not copies."""
        return dataclasses.replace(
            self,
            steps=_cut(self.steps, step),
            evals=_cut(self.evals, step),
            looks=_cut_looks(self.looks, step),
            notes=tuple(note for note in self.notes if note[0] <= step),
        )


Table = TypeVar("Table", Steps, Evals)


def _cut(table: Table, step: int) -> Table:
    count = int(np.searchsorted(table.step, step, side="right"))
    if count == len(table):
        return table
    return type(table)(**{field.name: getattr(table, field.name)[:count] for field in dataclasses.fields(table)})


def _cut_looks(looks: Looks, step: int) -> Looks:
    count = int(np.searchsorted(looks.step, step, side="right"))
    figures = {name: rows[:count] for name, rows in looks.figures.items()}
    return dataclasses.replace(looks, step=looks.step[:count], figures=figures)
