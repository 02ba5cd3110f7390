"""Evaluate a run: predictions stored once, figures with intervals measured on them."""

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.config_file import load_resolved
from sightline.data.contract import Contract
from sightline.data.formats.members import SUFFIXES
from sightline.data.read import TABLES, read
from sightline.data.samples import PARTS, Samples
from sightline.data.split import apply_split, refuse_changes, refuse_stated_changes
from sightline.errors import ConfigError, DataError, RunError, SplitError, shortened
from sightline.evaluation.flat import write_flat
from sightline.evaluation.predictions import Predictions
from sightline.files import write_json
from sightline.run import Run
from sightline.workflow.baseline import baselines_of
from sightline.workflow.calibrate import design_of, settled_temperature
from sightline.workflow.figures import figures_of
from sightline.workflow.predictions import predicted
from sightline.workflow.say import Say
from sightline.workflow.tasks import wanted_by
from sightline.workflow.trained import TrainedModel, open_trained


def evaluate_run(
    run: str | Path,
    *,
    data: str | Path | None = None,
    part: str | None = None,
    checkpoint: str = "best",
    by: Sequence[str] = (),
    say: Say | None = None,
) -> dict[str, Any]:
    """Measure a trained run.

    The predictions go to ``RUN/predictions/NAME.npz`` and the figures beside them, as JSON and as CSV, where NAME is
    the part, or ``data-…`` for another data set.

    Args:
        run: the run folder.
        data: another data set, with the same class names; where missing, the run's own.
        part: train, val or test; where missing, test (or val where the run has no test part, or train where it has
            neither); of another data set, all.
        checkpoint: ``best``, ``last`` or a checkpoint file.
        by: columns of the CSV by whose values the figures are told apart; of the run's own data beside those of
            ``evaluation.groups``.
        say: where notes go.

    Returns:
        The figures: ``{"accuracy": {"value", "low", "high"}, "n": …, …}``.

    Raises:
        RunError: no such run or checkpoint.
        ChangedDataError: images of the part are no longer those of the split, or of the split file given as data.
        DataError: another data set has classes that the model does not know.
    """
    say = say or Say(quiet=True)
    here = Run.open(run)
    model = open_trained(here, checkpoint)
    columns = tuple(dict.fromkeys([*model.config.evaluation.groups, *by]))
    own = run_samples(here, columns if data is None else ())
    samples, name = own, ""
    if data is not None:
        data = Path(data)
        wanted = dataclasses.replace(wanted_by(model.config), by=tuple(by))
        samples = foreign(read(data, wanted=wanted), model, data)
        name = _name_of(here, data, str(samples.root))
    indices, name = _chosen(samples, part, name)
    if data is None:
        refuse_changes(samples, here.split, indices)
    else:
        refuse_stated_changes(samples, indices)
    model = settled_temperature(model, own, say)
    say.note(f"evaluating {len(indices)} images with {model.checkpoint}")
    if name == "train":
        say.note("warning: the model was trained on these images, and its figures on them flatter it")
    predictions = predicted(model, samples, indices, name, str(samples.root))
    design = design_of(model, samples, indices, own=data is None)
    figures = figures_of(model, own, predictions, samples.take(indices), design, say)
    if data is None and name != "train":
        figures["baselines"] = baselines_of(model, samples, indices, predictions, design, say)
    _store(here, name, predictions, figures)
    return figures


def _store(run: Run, name: str, predictions: Predictions, figures: dict[str, Any]) -> None:
    """Write all of it. Figures of other weights go first: a kill leaves none rather than those beside the new ones."""
    table = run.figures(name).with_suffix(".csv")
    try:
        before = (run.read_figures(name) or {}).get("weights_sha256")
    except RunError:  # damaged
        before = None
    if before != predictions.weights_sha256:
        for path in (run.figures(name), table):
            path.unlink(missing_ok=True)
    predictions.save(run.predictions(name))
    write_json(run.figures(name), figures)
    write_flat(figures, table)


def headline_part(samples: Samples) -> str:
    """The part whose figures count: test, or val where there is no test part, or train where nothing was held out."""
    return next((part for part in ("test", "val") if len(samples.part(part))), "train")


def run_samples(run: Run, by: Sequence[str] = ()) -> Samples:
    """The run's own samples, in the order and the parts of its split; with these columns of its table."""
    whole = load_resolved(run.config)
    config = whole.data
    wanted = dataclasses.replace(wanted_by(whole), by=tuple(by))
    samples = read(config.path, config.reader, config.root, wanted)
    return apply_split(samples, run.split, Contract.load(run.contract).classes)


def _name_of(run: Run, data: Path, source: str) -> str:
    """What to call another data set: ``data-NAME``, with a mark of its place where another one has that name."""
    full = data.expanduser().resolve().name
    ending = next((ending for ending in (*SUFFIXES, *TABLES) if full.lower().endswith(ending)), "")
    name = "data-" + "".join(c if c.isalnum() or c in "._" else "-" for c in full[: len(full) - len(ending)])
    stored = [path for part in ("", *(f"-{part}" for part in PARTS)) if (path := run.predictions(name + part)).exists()]
    if any(Predictions.load(path).source != source for path in stored):
        name += "-" + hashlib.sha256(os.fsencode(source)).hexdigest()[:6]
    return name


def foreign(samples: Samples, model: TrainedModel, data: Path) -> Samples:
    """Another data set, its labels told by name as places in the model's classes.

    Raises:
        DataError: it has classes that the model does not know; ``data`` says where.
    """
    classes = model.contract.classes
    what = {"class": "classes", "labels": "labels", "numbers": "numbers"}[model.contract.kind]
    unknown = sorted(set(samples.classes) - set(classes))
    if unknown:
        raise DataError(
            f"{what} that the model does not know", where=str(data), got=shortened(unknown), allowed=classes,
            hint=f"rename the {what}, or leave those images out",
        )  # fmt: skip
    return samples.with_classes(classes)


def _chosen(samples: Samples, part: str | None, name: str) -> tuple[NDArray[np.int64], str]:
    """The samples to measure, and what to call them."""
    if part is not None and part not in PARTS:
        raise ConfigError(f"unknown part '{part}'", where="--part", allowed=PARTS)
    if part is None and name:
        return np.arange(len(samples)), name
    wanted = part or headline_part(samples)
    indices = samples.part(wanted)
    if not len(indices):
        counts = {p: len(samples.part(p)) for p in PARTS}
        raise SplitError(f"there is no {wanted} part", where="--part", allowed=[p for p, n in counts.items() if n])
    return indices, f"{name}-{wanted}" if name else wanted
