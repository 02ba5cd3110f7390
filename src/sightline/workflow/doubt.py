"""What a model doubts about a data set: labels that a run disbelieves, images unlike the rest of their class."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sightline import plug
from sightline.config import RunConfig
from sightline.data.check.outliers import embedding_outliers, outliers
from sightline.data.check.suspects import suspect_labels, suspects
from sightline.data.derive import derive_contract
from sightline.data.loader import Pieces, evaluation_pieces, load
from sightline.data.samples import Samples
from sightline.data.scan import Scan
from sightline.data.split import read_split
from sightline.data.transforms import Evaluation
from sightline.errors import ConfigError, DataError
from sightline.evaluation.embed import embeddings_of
from sightline.findings import Finding
from sightline.model.build import preferred_input
from sightline.run import Run
from sightline.task.classification import Classification
from sightline.workflow.environment import usable_device
from sightline.workflow.evaluate import foreign
from sightline.workflow.network import build_model
from sightline.workflow.predictions import predicted
from sightline.workflow.say import Say
from sightline.workflow.source import decoders
from sightline.workflow.trained import open_trained


def refuse_half_asked(config: RunConfig, run: str | Path | None, train_too: bool) -> None:
    """Refuse what would have no effect.

    Raises:
        ConfigError: ``--train-too`` without a run, or a model's name without its weights or the other way round.
    """
    if train_too and run is None:
        raise ConfigError("--train-too has no effect without a run", where="--train-too", hint="add --run RUN")
    named, weighted = config.model.name != "auto", config.model.weights not in ("auto", "none")
    if named != weighted:
        raise ConfigError(
            "outliers are searched with a model and its weights",
            where="model.name" if named else "model.weights",
            got=config.model.name if named else config.model.weights,
            hint="give both -s model.name=… and -s model.weights=FILE, or neither",
        )


def doubted_labels(
    run: str | Path, data: Path, samples: Samples, facts: Scan, *, train_too: bool, say: Say
) -> list[Finding]:
    """Labels that a run's predictions speak against, the most doubtful first.

    Images that the run was trained on, found by their checksums wherever they lie now, are asked about only where
    wanted: a network knows the labels that it was trained on.

    Raises:
        RunError: there is no such run, or it has not been trained.
        DataError: there are classes that the model does not know, or no images to ask about.
        ConfigError: ``train_too`` with data of which the run was trained on nothing.
    """
    here = Run.open(run)
    with plug.elsewhere():
        model = open_trained(here)
    if model.contract.kind != "class":
        raise ConfigError(
            "labels are doubted where an image has one class; this run is about another task", where="--run",
            got=model.config.task.name, hint="sightline report RUN shows the images that its model gets most wrong",
        )  # fmt: skip
    asked = foreign(samples, model, data)
    split = read_split(here.split)
    learnt = {digest for digest, part in zip(split.sha256, split.parts, strict=True) if part == "train"}
    blind = np.asarray([facts.sha256(index) not in learnt for index in range(len(asked))], np.bool_)
    sound = _sound(facts)
    known = int((sound & ~blind).sum())
    if train_too and not known:
        raise ConfigError(
            "--train-too has no effect: the run was trained on none of these images", where="--train-too", got=data
        )
    indices = np.flatnonzero(sound if train_too else sound & blind)
    if not len(indices):
        raise DataError(
            "the run was trained on every image here, so its answers say little about their labels",
            where=str(data), hint="add --train-too to ask nevertheless, or give images that it has not seen",
        )  # fmt: skip
    trained = f"it was trained on {known} of them and will believe most of those"
    say.note(f"asking {run} about {len(indices)} labels; {trained if train_too else 'it was trained on none of them'}")
    if not train_too and known:
        say.detail(f"left out {known} images that it was trained on; --train-too asks about them as well")
    answers = predicted(model, asked, indices, "check", str(asked.root))
    found = suspects(answers.probabilities, answers.labels)
    return list(
        suspect_labels(found, answers.paths, answers.labels, answers.classes, answers.probabilities, blind[indices])
    )


def foreign_images(config: RunConfig, samples: Samples, facts: Scan, say: Say) -> list[Finding]:
    """Images that a network's embeddings put far from the rest of their class, the farthest first.

    Raises:
        ModelError: the model is unknown or has no single head.
        WeightsError: the weights cannot be had or do not fit.
    """
    kept = np.flatnonzero(_sound(facts))
    samples, facts = samples.take(kept), facts.take(kept)
    whole = dataclasses.replace(samples, parts=np.zeros(len(samples), np.int8))  # every image is looked at
    contract = derive_contract(config.data, whole, facts, preferred_input(config.model.name), True, lambda *_: None)
    built, _ = build_model(config, contract, say)
    device = usable_device(_device(config.train.device))
    built.module.to(device)
    say.note(f"embedding {len(samples)} images with {config.model.name}")
    pieces = evaluation_pieces(np.arange(len(samples)), config.evaluation.batch_size)
    batches = load(Pieces(whole, Evaluation(contract), config.seed), pieces, decoders(samples, len(samples)))
    task = Classification(contract, lambda logits, _: logits.sum(dim=1))  # only scales the pixels
    found = outliers(embeddings_of(built, task, batches, device), samples.labels)
    return list(embedding_outliers(found, samples.paths, samples.labels, samples.classes))


def _sound(facts: Scan) -> NDArray[np.bool_]:
    kept = np.ones(len(facts.rows), np.bool_)
    kept[list(facts.faults)] = False
    return kept


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
