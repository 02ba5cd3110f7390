"""The baseline of a run: fitted once on some of its training images, kept in the run, compared with each evaluation."""

import dataclasses
import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.loader import Pieces, evaluation_pieces, load
from sightline.data.order import epoch_order
from sightline.data.samples import Samples
from sightline.data.transforms import Evaluation
from sightline.errors import DataError, RunError
from sightline.evaluation.baseline import NAME, SIDE, against, answered, constant, fit_baseline, small_pixels
from sightline.evaluation.design import Design
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats
from sightline.files import sha256_of, write_json
from sightline.workflow.balance import training_part
from sightline.workflow.say import Say
from sightline.workflow.source import decoders
from sightline.workflow.trained import TrainedModel

SMALL = 64
"""Side in pixels up to which decoding an image costs next to nothing."""
MOST_SMALL, MOST = 4000, 500
"""Images that are taken at most of the training part, and again of the part that is measured: small ones and others."""
MOST_CONSTANT = 20_000
"""Images of the part on which the model is compared with a constant answer, for which none is decoded."""
SECONDS = 20.0
"""Time after which no more training images are read."""
LEAST = 20
"""Training images without which there is no baseline."""
_CHUNK = 100


def baselines_of(
    model: TrainedModel,
    samples: Samples,
    indices: NDArray[np.int64],
    predictions: Predictions,
    design: Design,
    say: Say,
) -> list[dict[str, Any]]:
    """Compare a model with the baselines of its run, on the same images: a constant answer, and one that learns.

    The latter is kept in ``RUN/baseline.json`` and ``RUN/predictions/PART.baseline.npz``; it is fitted again where the
    split, the preprocessing or the part is another one.

    Args:
        model: the run's.
        samples: all samples of the run.
        indices: those of the part.
        predictions: what the model said of them, in this order.
        design: how these images are drawn again; groups are compared as wholes.
        say: where notes go.

    Returns:
        What ``against`` gives for each; the one that learns has ``train_images``, and is missing where there are too
        few of them.
    """
    config = model.config
    train = _known(samples, training_part(samples, config))
    rows = _answerable(predictions, _some(len(indices), model, 1))
    if not len(rows) or not len(train):
        return []

    def compared(name: str, own: Predictions, model_said: Predictions, of: NDArray[np.int64]) -> dict[str, Any]:
        groups = design.take(of).codes if design.how == "groups" else None
        how = config.evaluation
        return against(
            name, own, model_said, resamples=how.resamples, confidence=how.confidence, seed=config.seed, groups=groups
        )

    most = _answerable(predictions, np.sort(epoch_order(config.seed, 1, len(indices))[:MOST_CONSTANT]))
    whole, asked = _rows(predictions, most), _rows(predictions, rows)
    found = [compared(*constant(samples.targets_of(train), whole), whole, most)]
    try:
        fitted = _kept(model, asked) or _fitted(model, samples, train, indices[rows], asked, say)
    except DataError as error:  # a training image may be damaged by now, and the figures need none
        say.note(f"no baseline that learns: {error.what} ({error.where})")
        return found
    if fitted is not None:
        account, own = fitted
        found.append(compared(NAME, own, asked, rows) | {"train_images": account["train_images"]})
    return found


def _answerable(own: Predictions, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of these rows whose truth is known."""
    return rows[own.labels[rows] >= 0] if own.kind == "class" else rows


def _known(samples: Samples, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of these samples whose truth is known."""
    return places[samples.labels[places] >= 0] if samples.kind == "class" else places


def _some(count: int, model: TrainedModel, turn: int) -> NDArray[np.int64]:
    """Some of so many places, in rising order: the first ones after a seeded shuffle."""
    most = MOST_SMALL if max(model.contract.height, model.contract.width) <= SMALL else MOST
    return np.sort(epoch_order(model.config.seed, turn, count)[:most])


def _rows(own: Predictions, rows: NDArray[np.int64]) -> Predictions:
    return dataclasses.replace(
        own,
        paths=own.paths.take(rows),
        labels=own.labels[rows],
        logits=own.logits[rows],
        truths=None if own.truths is None else own.truths[rows],
    )


def _made_from(model: TrainedModel, part: str) -> dict[str, Any]:
    """What a baseline follows from."""
    return {
        "name": NAME, "side": SIDE, "part": part, "seed": model.config.seed, "contract_hash": model.contract.hash,
        "split_sha256": sha256_of(model.run.split), "limit": model.config.data.limit,
    }  # fmt: skip


def _kept(model: TrainedModel, asked: Predictions) -> tuple[dict[str, Any], Predictions] | None:
    """The baseline that was fitted before; ``None`` where it followed from anything else, or cannot be read."""
    path = model.run.folder / "baseline.json"
    try:
        account = json.loads(path.read_text(encoding="utf-8")).get(asked.part)
        if account is None or account["from"] != _made_from(model, asked.part):
            return None
        own = Predictions.load(model.run.predictions(f"{asked.part}.baseline"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RunError):
        return None
    return (account, own) if list(own.paths) == list(asked.paths) else None


def _fitted(
    model: TrainedModel,
    samples: Samples,
    train: NDArray[np.int64],
    places: NDArray[np.int64],
    asked: Predictions,
    say: Say,
) -> tuple[dict[str, Any], Predictions] | None:
    begun = time.perf_counter()
    train = train[_some(len(train), model, 2)]
    if len(train) < LEAST or not len(places):
        return None
    features = _features(model, samples, train, SECONDS)
    train = train[: len(features)]
    baseline = fit_baseline(features, samples.targets_of(train), samples.kind, len(samples.classes))
    own = answered(baseline, _features(model, samples, places), asked)
    account: dict[str, Any] = {
        "from": _made_from(model, asked.part),
        "train_images": len(train),
        "images": len(places),
        "penalty": baseline.penalty,
        "seconds": round(time.perf_counter() - begun, 3),
    }
    own.save(model.run.predictions(f"{asked.part}.baseline"))
    path = model.run.folder / "baseline.json"
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    write_json(path, (before if isinstance(before, dict) else {}) | {asked.part: account})
    say.detail(f"baseline: {NAME}, fitted on {len(train)} training images in {account['seconds']:.1f} s")
    return account, own


def _features(
    model: TrainedModel, samples: Samples, places: NDArray[np.int64], seconds: float = float("inf")
) -> Floats:
    """Small pixels of these samples, or of the first of them where they take longer than so many seconds."""
    begun, found = time.perf_counter(), list[Floats]()
    dataset = Pieces(samples, Evaluation(model.contract), model.config.seed)
    for batch in load(dataset, evaluation_pieces(places, _CHUNK), decoders(samples, len(places))):
        found.append(small_pixels(batch.pixels))
        if time.perf_counter() - begun > seconds:
            break
    return np.concatenate(found)
