"""Evaluate a run: predictions stored once, figures with intervals measured on them."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.config_file import load_resolved
from sightline.data.cache import open_cache, packed
from sightline.data.kept import Form, Images
from sightline.data.loader import evaluation_pieces, load
from sightline.data.read import read
from sightline.data.samples import PARTS, Samples
from sightline.data.split import apply_split, read_split, refuse_changes
from sightline.errors import ConfigError, DataError, SplitError, shortened
from sightline.evaluation.metrics import measure
from sightline.evaluation.predict import logits_of
from sightline.evaluation.predictions import Predictions
from sightline.files import write_json
from sightline.run import Run
from sightline.workflow.say import Say
from sightline.workflow.source import evaluation_dataset, is_kept, kept_folder
from sightline.workflow.trained import TrainedModel, open_trained


def evaluate_run(
    run: Path,
    *,
    data: Path | None = None,
    part: str | None = None,
    checkpoint: str = "best",
    say: Say | None = None,
) -> dict[str, Any]:
    """Measure a trained run.

    The predictions go to ``RUN/predictions/NAME.npz`` and the figures beside them, where NAME is the part, or
    ``data-…`` for another data set.

    Args:
        run: the run folder.
        data: another data set, with the same class names; where missing, the run's own.
        part: train, val or test; where missing, test (or val where the run has no test part); of another data set, all.
        checkpoint: ``best``, ``last`` or a checkpoint file.
        say: where notes go.

    Returns:
        The figures: ``{"accuracy": {"value", "low", "high"}, "n": …, …}``.

    Raises:
        RunError: no such run or checkpoint.
        ChangedDataError: images of the part are no longer those of the split.
        DataError: another data set has classes that the model does not know.
    """
    say = say or Say(quiet=True)
    here = Run.open(run)
    model = open_trained(here, checkpoint)
    own = run_samples(here)
    samples, name = (own, "") if data is None else (_foreign(data, model), f"data-{data.name.split('.')[0]}")
    indices, name = _chosen(samples, part, name)
    if data is None:
        refuse_changes(samples, here.split, indices)
    say.note(f"evaluating {len(indices)} images with {model.checkpoint}")
    frames = None if data is not None or not is_kept(model.config) else _kept_frames(here, model, samples)
    predictions = predicted(model, samples, indices, name, str(samples.root), frames)
    predictions.save(here.predictions(name))
    config = model.config.evaluation
    figures = measure(
        predictions,
        resamples=config.resamples,
        confidence=config.confidence,
        seed=model.config.seed,
        train_counts=own.counts(own.part("train")),
    )
    write_json(here.figures(name), figures)
    return figures


def predicted(
    model: TrainedModel,
    samples: Samples,
    indices: NDArray[np.int64],
    name: str,
    source: str,
    frames: Images | None = None,
) -> Predictions:
    """The model's logits for these samples, in their order; pixels that are kept already need not be decoded."""
    config = model.config
    dataset = evaluation_dataset(samples, model.contract, config, frames)
    workers = int(config.data.workers) if len(indices) > 4 * config.evaluation.batch_size else 0
    batches = load(dataset, evaluation_pieces(indices, config.evaluation.batch_size), workers)
    found = [logits for _, logits in logits_of(model.module, model.task, batches, model.device, model.layout)]
    return Predictions(
        paths=samples.paths.take(indices),
        labels=samples.labels[indices],
        logits=np.concatenate(found) if found else np.zeros((0, len(samples.classes)), np.float32),
        classes=model.contract.classes,
        contract_hash=model.contract.hash,
        weights_sha256=model.weights_sha256,
        part=name,
        source=source,
    )


def _kept_frames(run: Run, model: TrainedModel, samples: Samples) -> Images:
    hashes = packed(read_split(run.split).sha256)
    return open_cache(samples, hashes, Form(model.contract), kept_folder(model.config))


def run_samples(run: Run) -> Samples:
    """The run's own samples, in the order and the parts of its split."""
    config = load_resolved(run.config).data
    return apply_split(read(config.path, config.reader, config.root), run.split)


def _foreign(data: Path, model: TrainedModel) -> Samples:
    """Another data set, its labels told by name as places in the model's classes."""
    samples, classes = read(data), model.contract.classes
    unknown = sorted(set(samples.classes) - set(classes))
    if unknown:
        raise DataError(
            "classes that the model does not know", where=str(data), got=shortened(unknown), allowed=classes,
            hint="rename the classes, or leave those images out",
        )  # fmt: skip
    places = np.asarray([classes.index(name) for name in samples.classes], np.int32)
    labels = np.where(samples.labels >= 0, places[samples.labels], -1).astype(np.int32)
    return dataclasses.replace(samples, labels=labels, classes=classes)


def _chosen(samples: Samples, part: str | None, name: str) -> tuple[NDArray[np.int64], str]:
    """The samples to measure, and what to call them."""
    if part is not None and part not in PARTS:
        raise ConfigError(f"unknown part '{part}'", where="--part", allowed=PARTS)
    if part is None and name:
        return np.arange(len(samples)), name
    wanted = part or ("test" if len(samples.part("test")) else "val")
    indices = samples.part(wanted)
    if not len(indices):
        counts = {p: len(samples.part(p)) for p in PARTS}
        raise SplitError(f"there is no {wanted} part", where="--part", allowed=[p for p, n in counts.items() if n])
    return indices, f"{name}-{wanted}" if name else wanted
