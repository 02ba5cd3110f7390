"""From settings to everything that is fixed before the first step, written into the run."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sightline import distributed, plug
from sightline.config import RunConfig
from sightline.config_effect import on_a_cpu, refuse, without_validation
from sightline.config_file import dump, flat, resolve
from sightline.data.augment.motion import contradictions
from sightline.data.balance import SAMPLERS, Balance
from sightline.data.cache import Hashes, packed
from sightline.data.config import is_own
from sightline.data.contract import Contract
from sightline.data.derive import derive_contract
from sightline.data.loader import Batch, Piece, Pieces, load
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import Scan
from sightline.data.split import apply_split, read_split, refuse_changes, write_split
from sightline.data.stream import require_stream
from sightline.data.transforms import Evaluation, active_steps, make_transform
from sightline.findings import Finding
from sightline.machine import cores
from sightline.model.build import Built, build, license_of, preferred_input, start_head_small
from sightline.model.weights import load_weights
from sightline.run import Run
from sightline.task.names import kind_of
from sightline.task.task import Task
from sightline.training.losses import make_loss
from sightline.training.precision import Form, Wanted, choose, seconds_of_step
from sightline.workflow.auto import Settling
from sightline.workflow.auto_feed import settle_cache, settle_workers
from sightline.workflow.balance import balance_of, balance_told, refuse_other_weights, training_part
from sightline.workflow.divide import divide
from sightline.workflow.intake import Intake, take_in, with_what
from sightline.workflow.say import Say
from sightline.workflow.task import outputs_of, tasks_of, wanted_by


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """What training starts from."""

    config: RunConfig
    samples: Samples
    contract: Contract
    built: Built
    task: Task
    """Learns: with the weights of the classes."""
    judge: Task
    """Judges while training: the same without weights, so that validation losses can be compared with one another."""
    balance: Balance
    hashes: Hashes
    """Checksum of each sample."""
    facts: Scan | None = None
    """What was found out about each sample, where the run was prepared in this process."""


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """What training sees: known before a network is built."""

    settling: Settling
    """Settings with everything about data and augmentation settled."""
    samples: Samples
    """With parts."""
    facts: Scan
    """About the same samples."""
    taken: Intake
    """What was read, and what was found in it."""
    contract: Contract
    """What the model sees of an image."""
    findings: list[Finding]
    """Augmentation that contradicts what was told about the classes."""


def settle_view(config: RunConfig, origins: dict[str, str], say: Say) -> View:
    """Read, verify, split, and settle every ``auto`` about data and augmentation.

    Raises:
        SightlineError: the data cannot be used, or a name in the settings is unknown.
    """
    _refuse_unknown_names(config)
    settling = Settling(config, origins)
    taken = take_in(config, say)
    facts = taken.facts
    if config.data.stream:
        require_stream(taken.samples, config.data.val, config.data.test)
    samples = divide(config, origins, taken.samples, facts, say)
    refuse(without_validation(config) if not len(samples.part("val")) else [], config, origins)
    say.note(_counted(samples))
    typical = float(np.median(np.minimum(facts.rows["width"], facts.rows["height"])))
    settling.choose_model(typical)
    model = settling.config.model
    contract = derive_contract(
        settling.config.data,
        samples,
        facts,
        preferred_input(model.name),
        model.weights != "none",
        settling.chose,
    )
    contract = dataclasses.replace(contract, outputs=outputs_of(config, samples, training_part(samples, config)))
    settling.choose_data(max(contract.height, contract.width))
    data = settling.config.data
    make_transform(data, contract)  # an augmentation that cannot be made is told before a network is built
    findings = contradictions(active_steps(data, contract), data.symmetric, samples.classes)
    for finding in findings:
        say.note(f"warning: {finding.message}; {finding.remedy}")
    return View(settling, samples, facts, taken, contract, findings)


def prepare(run: Run, config: RunConfig, origins: dict[str, str], say: Say) -> Prepared:
    """Read, verify, split, settle every ``auto``, build the model; write split, contract and settings into the run.

    Raises:
        SightlineError: anything that keeps the training from starting, before the first step is made.
    """
    view = settle_view(config, origins, say)
    settling, samples, facts, contract = view.settling, view.samples, view.facts, view.contract
    indices = training_part(samples, settling.config)
    settling.choose_loss(samples.kind)
    settling.choose_balance(samples.kind, samples.counts(indices))
    settling.choose_training(len(indices))
    settled = settling.config.train
    refuse(on_a_cpu() if settled.device == "cpu" and not settled.deterministic else [], settling.config, origins)
    balanced = balance_of(samples, settling.config)
    built, report = build_model(settling.config, contract, say)
    task, judge = tasks_of(settling.config, contract, balanced)
    settle_cache(settling, samples, facts, contract, indices)
    batch = _choose_form(settling, samples, contract, built, task)
    settle_workers(settling, samples, contract, indices, _step_timer(settling.config, built, task, batch))
    settling.tell(say)
    for line in balance_told(balanced):
        say.detail(line)
    write_split(run.split, samples, facts)
    contract.save(run.contract)
    run.note(
        origins=settling.origins,
        settings=flat(settling.config),
        weights_report=report,
        parameters=sum(parameter.numel() for parameter in built.module.parameters()),
        contract=contract.hash,
        balance=balanced.account,
        **view.taken.noted(),
    )
    dump(settling.config, settling.origins, run.config)
    run.note(state="prepared")
    hashes = packed(facts.rows["sha256"])
    return Prepared(settling.config, samples, contract, built, task, judge, balanced, hashes, facts)


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
    contract = Contract.load(run.contract)
    found = read(config.data.path, config.data.reader, config.data.root, wanted_by(config))
    samples = apply_split(found, run.split, contract.classes)
    refuse_changes(samples, run.split, np.concatenate([training_part(samples, config), samples.part("val")]))
    if "balance" not in run.info():  # a run of an earlier version, which left weights aside
        samples = dataclasses.replace(samples, weights=None)
    balanced = balance_of(samples, config)
    refuse_other_weights(run, balanced)
    torch.set_num_threads(int(config.train.threads))
    start = resolve(config, {"model.weights": "none"}) if begun else config
    built, _ = build_model(start, contract, say)
    hashes = packed(read_split(run.split).sha256)
    return Prepared(config, samples, contract, built, *tasks_of(config, contract, balanced), balanced, hashes)


def build_model(config: RunConfig, contract: Contract, say: Say) -> tuple[Built, dict[str, Any]]:
    """The network with its starting weights, and an account of where they came from."""
    torch.manual_seed(config.seed)
    model = config.model
    if model.weights == "hub":
        say.note(f"fetching the published weights of {model.name}")
    built = build(
        model.name, len(contract.classes), contract.channels, dict(model.options),
        size=contract.height, hub=model.weights == "hub",
    )  # fmt: skip
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
    make_loss(config.train.loss, None, kind_of(config.task.name))
    if isinstance(config.data.augment, str) and is_own(config.data.augment):
        plug.load(config.data.augment, "data.augment")
    plug.resolve("sampler", config.data.sampler, dict.fromkeys(("auto", "none")) | SAMPLERS, "data.sampler")


def _counted(samples: Samples) -> str:
    parts = ", ".join(f"{len(samples.part(name))} {name}" for name in ("train", "val", "test"))
    return f"{len(samples)} images {with_what(samples)}: {parts}"


def _choose_form(settling: Settling, samples: Samples, contract: Contract, built: Built, task: Task) -> Batch:
    """Measure threads, precision and layout where they are ``auto``; gives the batch that they were measured on."""
    train = settling.config.train
    indices = training_part(samples, settling.config)[: max(1, int(train.batch_size) // train.accumulate)]
    pieces = Pieces(samples, Evaluation(contract), settling.config.seed)
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


def _step_timer(config: RunConfig, built: Built, task: Task, batch: Batch) -> Callable[[int], float]:
    """Seconds of a training step on so many images, in the form that was chosen."""
    train = config.train
    form = Form(int(train.threads), train.precision, train.layout)
    return lambda count: seconds_of_step(built, task, batch, torch.device(train.device), form) * count
