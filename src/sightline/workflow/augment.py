"""Show what training sees: the very pixels, by the code that training runs."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.data.ahead import on_device
from sightline.data.augment.config import PRESETS
from sightline.data.augment.pipeline import WHOLE, in_short
from sightline.data.cache import held
from sightline.data.loader import Piece
from sightline.data.loader import load as batches_of
from sightline.data.order import epoch_order
from sightline.data.samples import Samples
from sightline.data.transforms import active_steps
from sightline.evaluation.sheet import Row, draw_sheet
from sightline.findings import Finding
from sightline.workflow.auto_feed import settle_cache
from sightline.workflow.prepare import View, settle_view, training_part
from sightline.workflow.say import Say
from sightline.workflow.source import evaluation_dataset, is_kept, training_dataset, training_form
from sightline.workflow.wishes import Settings, wished


@dataclasses.dataclass(frozen=True)
class Shown:
    """What ``show_augmentation`` drew."""

    title: str
    """The augmentation in a few words."""
    steps: list[tuple[str, str]]
    """What is done to an image, in order: the step and its options."""
    images: int
    """How many images the picture shows."""
    findings: list[Finding]
    """Augmentation that contradicts what was told about the classes."""


def show_augmentation(
    data: str | Path | None,
    *,
    config: str | Path | None = None,
    settings: Settings | None = None,
    images: int = 6,
    epochs: int = 6,
    out: Path,
    say: Say | None = None,
) -> Shown:
    """Draw training images as evaluation sees them, and beside each as the first epochs of a training see it.

    Args:
        data: folder, archive, CSV or idx folder; may also stand in the settings as ``data.path``.
        config: YAML file, as for a training.
        settings: values by dotted path, or ``key=value`` words; they go over the file.
        images: how many images; of each class in turn.
        epochs: how many epochs.
        out: the PNG to write.
        say: where notes go.

    Raises:
        SightlineError: the data or the settings cannot be used.
    """
    say = say or Say(quiet=True)
    loaded = wished(data, config, settings, "augment")
    view = settle_view(loaded.config, loaded.origins, say)
    train = training_part(view.samples, view.settling.config)
    view.settling.choose_training(len(train))
    settle_cache(view.settling, view.samples, view.facts, view.contract, train)  # crops are taken from kept pixels
    whole = view.settling.config
    indices = _of_each_class(view.samples, train, whole.seed, images)
    seen = _seen(view, indices, epochs)
    title, steps = _described(view)
    rows = [
        Row(view.samples.told(int(index)) or "no label", view.samples.paths[int(index)], list(column))
        for index, column in zip(indices, zip(*seen, strict=True), strict=True)
    ]
    size = f"{view.contract.width} x {view.contract.height} {view.contract.color}"
    heads = ["evaluation", *(f"epoch {number + 1}" for number in range(epochs))]
    draw_sheet(f"{title}, {size}, seed {whole.seed}", steps, heads, rows, out)
    return Shown(title, steps, len(rows), view.findings)


def _of_each_class(samples: Samples, train: NDArray[np.int64], seed: int, count: int) -> NDArray[np.int64]:
    """Training images of the first class, the second and so on, and then of the first again."""
    shuffled = train[epoch_order(seed, 0, len(train))]
    turn = np.empty(len(shuffled), np.int64)
    for label in np.unique(samples.labels[shuffled]):
        members = np.flatnonzero(samples.labels[shuffled] == label)
        turn[members] = np.arange(len(members))
    return shuffled[np.lexsort((samples.labels[shuffled], turn))][:count]


def _seen(view: View, indices: NDArray[np.int64], epochs: int) -> list[NDArray[np.uint8]]:
    """Pixels of these images: in evaluation, then in each epoch, from kept pixels where a training keeps them."""
    config = view.settling.config
    plain = evaluation_dataset(view.samples, view.contract, config, None)
    form = training_form(config, view.contract)
    images = held(view.samples, form, indices) if is_kept(config) else None
    varied = training_dataset(view.samples, view.contract, config, images, pin=False)
    wanted = [(plain, Piece(0, indices)), *((varied, Piece(epoch, indices)) for epoch in range(epochs))]
    made = (on_device(batches_of(one, [piece], workers=0), torch.device("cpu"), view.contract) for one, piece in wanted)
    return [next(batches).pixels.numpy() for batches in made]


def _described(view: View) -> tuple[str, list[tuple[str, str]]]:
    """The augmentation in a few words, and its steps."""
    data, contract = view.settling.config.data, view.contract
    if isinstance(data.augment, str) and data.augment not in PRESETS:
        return data.augment, [(data.augment, "your own")]
    lines = [in_short(step) for step in active_steps(data, contract)]
    if not lines or lines[0][0] not in WHOLE:
        lines.insert(0, ("resize", f"as in evaluation: {contract.resize}"))
    return data.augment if isinstance(data.augment, str) else "your own steps", lines
