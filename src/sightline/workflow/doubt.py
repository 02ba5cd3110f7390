"""What a model doubts about a data set: labels that a run disbelieves, images unlike the rest of their class."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.config import RunConfig
from sightline.config_file import load_resolved
from sightline.data.check.outliers import embedding_outliers, outliers
from sightline.data.check.suspects import suspect_labels, suspects
from sightline.data.derive import derive_contract
from sightline.data.loader import Pieces, evaluation_pieces, load
from sightline.data.samples import PARTS, Samples
from sightline.data.scan import Scan
from sightline.data.transforms import Evaluation
from sightline.errors import ConfigError
from sightline.evaluation.embed import embeddings_of
from sightline.findings import Finding
from sightline.model.build import preferred_input
from sightline.run import Run
from sightline.workflow.environment import cores, usable_device
from sightline.workflow.evaluate import foreign, predicted, run_samples
from sightline.workflow.prepare import build_model, make_task
from sightline.workflow.say import Say
from sightline.workflow.trained import open_trained


def refuse_half_asked(config: RunConfig, run: Path | None, train_too: bool) -> None:
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


def doubted_labels(run: Path, data: Path, samples: Samples, facts: Scan, *, train_too: bool, say: Say) -> list[Finding]:
    """Labels that a run's predictions speak against, the most doubtful first.

    Of the run's own data, val and test are asked, and train only where wanted: a network knows the labels that it was
    trained on. Of other data all images are asked.

    Raises:
        RunError: there is no such run, or it has not been trained.
        DataError: other data has classes that the model does not know.
        ConfigError: ``train_too`` with data that the run was not trained on.
    """
    here = Run.open(run)
    model = open_trained(here)
    own = Path(load_resolved(here.config).data.path).resolve() == data.resolve()
    if train_too and not own:
        raise ConfigError(
            "--train-too has no effect: the run was trained on other data", where="--train-too", got=str(data)
        )
    if own:
        asked = run_samples(here)
        kept = np.ones(len(asked), np.bool_) if train_too else asked.parts != PARTS.index("train")
        damaged = {samples.paths[index] for index in facts.faults}
        kept &= np.asarray([path not in damaged for path in asked.paths], np.bool_)
        blind = asked.parts != PARTS.index("train")
    else:
        asked = foreign(samples, model, data)
        kept = _sound(facts)
        blind = np.ones(len(asked), np.bool_)
    indices = np.flatnonzero(kept)
    say.note(f"asking {here.folder} about {len(indices)} labels; {_acquaintance(own, blind[indices])}")
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
    batches = load(Pieces(whole, Evaluation(contract), config.seed), pieces, _workers(len(samples)))
    found = outliers(embeddings_of(built, make_task(config, contract), batches, device), samples.labels)
    return list(embedding_outliers(found, samples.paths, samples.labels, samples.classes))


def _acquaintance(own: bool, blind: NDArray[np.bool_]) -> str:
    """What is known of whether the run was trained on what it is asked about."""
    if not own:
        return "of another data set: what it was trained on, if anything here, it will believe"
    known = int((~blind).sum())
    return f"it was trained on {known} of them and will believe most of those" if known else "it was trained on none"


def _sound(facts: Scan) -> NDArray[np.bool_]:
    kept = np.ones(len(facts.rows), np.bool_)
    kept[list(facts.faults)] = False
    return kept


def _workers(count: int) -> int:
    """Processes that decode: none where starting them would take longer than they save."""
    return cores() if count > 1000 else 0


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
