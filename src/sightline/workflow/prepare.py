"""From settings to everything that is fixed before the first step, written into the run."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sightline import distributed, plug
from sightline.config import RunConfig
from sightline.config_file import dump, flat, resolve
from sightline.data.cache import Hashes, packed
from sightline.data.contract import Contract
from sightline.data.derive import SMALL, derive_contract
from sightline.data.loader import Batch, Piece, Pieces, load
from sightline.data.order import epoch_order
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import Scan
from sightline.data.split import apply_split, read_split, refuse_changes, split, write_split
from sightline.data.transforms import AUGMENTS
from sightline.model.build import Built, build, license_of, preferred_input, start_head_small
from sightline.model.weights import load_weights
from sightline.run import Run
from sightline.task.classification import TASKS, Classification
from sightline.training.losses import make_loss
from sightline.training.precision import Form, Wanted, choose, seconds_of_step
from sightline.workflow.auto import Settling
from sightline.workflow.auto_feed import settle_cache, settle_workers
from sightline.workflow.environment import cores
from sightline.workflow.intake import take_in
from sightline.workflow.say import Say


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """What training starts from."""

    config: RunConfig
    samples: Samples
    contract: Contract
    built: Built
    task: Classification
    hashes: Hashes
    """Checksum of each sample."""
    facts: Scan | None = None
    """What was found out about each sample, where the run was prepared in this process."""


def prepare(run: Run, config: RunConfig, origins: dict[str, str], say: Say) -> Prepared:
    """Read, verify, split, settle every ``auto``, build the model; write split, contract and settings into the run.

    Raises:
        SightlineError: anything that keeps the training from starting, before the first step is made.
    """
    _refuse_unknown_names(config)
    settling = Settling(config, origins)
    samples, facts, skipped = take_in(config, say)
    samples = split(samples, val=config.data.val, test=config.data.test, seed=config.seed)
    say.note(_counted(samples))
    typical = float(np.median(np.minimum(facts.rows["width"], facts.rows["height"])))
    settling.choose_model(typical)
    model = settling.config.model
    preferred, pretrained = preferred_input(model.name), model.weights != "none"
    contract = derive_contract(settling.config.data, samples, facts, preferred, pretrained, settling.chose)
    settling.choose_data(max(contract.height, contract.width) < SMALL)
    settling.choose_training(len(training_part(samples, settling.config)))
    built, report = build_model(settling.config, contract, say)
    task = make_task(settling.config, contract)
    indices = training_part(samples, settling.config)
    settle_cache(settling, samples, facts, contract, indices)
    batch = _choose_form(settling, samples, contract, built, task)
    settle_workers(settling, samples, contract, indices, _step_timer(settling.config, built, task, batch))
    settling.tell(say)
    write_split(run.split, samples, facts)
    contract.save(run.contract)
    run.note(
        origins=settling.origins,
        settings=flat(settling.config),
        weights_report=report,
        parameters=sum(parameter.numel() for parameter in built.module.parameters()),
        contract=contract.hash,
        skipped=skipped,
    )
    dump(settling.config, settling.origins, run.config)
    run.note(state="prepared")
    return Prepared(settling.config, samples, contract, built, task, packed(facts.rows["sha256"]), facts)


def reopen(run: Run, config: RunConfig, say: Say, *, begun: bool) -> Prepared:
    """What ``prepare`` gave, for a run that was prepared before.

    Args:
        run: the run.
        config: its settled configuration.
        say: where notes go.
        begun: whether a checkpoint will fill the network, so that its starting weights are not needed any more.

    Raises:
        ChangedDataError: training or validation images are no longer what they were.
    """
    samples = apply_split(read(config.data.path, config.data.reader, config.data.root), run.split)
    refuse_changes(samples, run.split, np.concatenate([training_part(samples, config), samples.part("val")]))
    contract = Contract.load(run.contract)
    torch.set_num_threads(int(config.train.threads))
    start = resolve(config, {"model.weights": "none"}) if begun else config
    built, _ = build_model(start, contract, say)
    hashes = packed(read_split(run.split).sha256)
    return Prepared(config, samples, contract, built, make_task(config, contract), hashes)


def training_part(samples: Samples, config: RunConfig) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Places of the training samples; with ``data.limit`` the first ones after the seeded shuffle."""
    train = samples.part("train")
    limit = config.data.limit
    return train if limit is None else train[epoch_order(config.seed, -1 & 0xFFFFFFFF, len(train))][:limit]


def make_task(config: RunConfig, contract: Contract) -> Classification:
    """The task that the settings name, with its loss."""
    return plug.resolve("task", config.task.name, TASKS, "task.name")(contract, make_loss(config.train.loss))


def build_model(config: RunConfig, contract: Contract, say: Say) -> tuple[Built, dict[str, Any]]:
    """The network with its starting weights, and an account of where they came from."""
    torch.manual_seed(config.seed)
    model = config.model
    if model.weights == "hub":
        say.note(f"fetching the published weights of {model.name}")
    built = build(model.name, len(contract.classes), contract.channels, dict(model.options), hub=model.weights == "hub")
    if model.weights in ("none", "hub"):
        source = "random" if model.weights == "none" else f"published weights of {model.name}"
        license_name = license_of(model.name) if model.weights == "hub" else ""
        if model.weights == "hub":
            start_head_small(built)
        if license_name:
            say.note(f"weights: {source}, licence {license_name}")
        return built, {"source": source, "license": license_name}
    start_head_small(built)
    report = load_weights(built.module, Path(model.weights))
    for line in report.lines():
        say.note(line)
    return built, report.as_dict() | {"license": f"that of the file {Path(model.weights).name}"}


def _refuse_unknown_names(config: RunConfig) -> None:
    """A misspelt model or missing file is found before a large data set is read."""
    if config.model.name != "auto":
        preferred_input(config.model.name)
    make_loss(config.train.loss)


def _counted(samples: Samples) -> str:
    parts = ", ".join(f"{len(samples.part(name))} {name}" for name in ("train", "val", "test"))
    return f"{len(samples)} images in {len(samples.classes)} classes: {parts}"


def _choose_form(settling: Settling, samples: Samples, contract: Contract, built: Built, task: Classification) -> Batch:
    """Measure threads, precision and layout where they are ``auto``; gives the batch that they were measured on."""
    train = settling.config.train
    indices = training_part(samples, settling.config)[: max(1, int(train.batch_size) // train.accumulate)]
    pieces = Pieces(samples, AUGMENTS["none"](contract, False), settling.config.seed)
    batch = next(load(pieces, [Piece(0, indices)], workers=0))
    most = max(1, cores() // distributed.local_world())
    wanted = Wanted(train.threads, train.precision, train.layout, most)
    choice = choose(built, task, batch, torch.device(train.device), wanted)
    reason = choice.reason
    for name in ("threads", "precision", "layout"):
        if getattr(train, name) == "auto":
            settling.chose(f"train.{name}", getattr(choice.form, name), reason)
            reason = "measured together"
    return batch


def _step_timer(config: RunConfig, built: Built, task: Classification, batch: Batch) -> Callable[[int], float]:
    """Seconds of a training step on so many images, in the form that was chosen."""
    train = config.train
    form = Form(int(train.threads), train.precision, train.layout)
    return lambda count: seconds_of_step(built, task, batch, torch.device(train.device), form) * count
