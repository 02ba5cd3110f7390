"""From settings to everything that is fixed before the first step, written into the run."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline import plug
from sightline.config import RunConfig
from sightline.config_effect import once_settled, refuse, without_validation
from sightline.config_file import dump, flat, resolve
from sightline.data.augment.motion import contradictions
from sightline.data.balance import SAMPLERS, Balance
from sightline.data.cache import Hashes, packed
from sightline.data.config import is_own
from sightline.data.contract import Contract
from sightline.data.derive import derive_contract
from sightline.data.read import read
from sightline.data.samples import PARTS, Samples
from sightline.data.scan import Scan
from sightline.data.split import apply_split, parts_to_make, read_split, refuse_changes, write_split
from sightline.data.stream import require_stream
from sightline.data.transforms import active_steps, make_transform
from sightline.diagnosis.diagnose import rules_with
from sightline.evaluation.own_metrics import load_metrics
from sightline.findings import Finding
from sightline.model.build import Built, preferred_input
from sightline.run import Run
from sightline.task.names import kind_of
from sightline.task.task import Task
from sightline.training.arithmetic import compute_with
from sightline.training.forwards import Forwards
from sightline.training.losses import make_loss
from sightline.workflow.auto import Settling
from sightline.workflow.auto_feed import settle_cache, settle_workers
from sightline.workflow.auto_form import settle_form, step_timer
from sightline.workflow.balance import balance_of, balance_told, refuse_other_weights, shares_seen, training_part
from sightline.workflow.distill import taught
from sightline.workflow.divide import divide
from sightline.workflow.intake import Intake, take_in, with_what
from sightline.workflow.network import build_model, check_spread, refuse_absent_weights, refuse_probabilities
from sightline.workflow.say import Say
from sightline.workflow.tasks import outputs_of, tasks_of, wanted_by
from sightline.workflow.user_files import fingerprints, tell_changed
from sightline.workflow.watching import settle_watching


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
    answers: NDArray[np.float32] | None = None
    """What a teacher said about each sample, ``[samples, classes]``; ``None``: it is asked at each step, or there is
    none."""
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
    settling.keep_view()
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
    settling.choose_balance(samples.kind, samples.counts(indices))
    settling.choose_training(len(indices))
    refuse(once_settled(settling.config), settling.config, origins)
    balanced = balance_of(samples, settling.config)
    built, report = build_model(settling.config, contract, say, _prior(samples, settling.config, balanced))
    forwards = Forwards(built.module, settling.config.train)
    task, judge = tasks_of(settling.config, contract, balanced)
    refuse_probabilities(built.module, settling.config, contract)
    settle_watching(settling, built.module, samples, len(indices))
    hashes = packed(facts.rows["sha256"])
    lesson = taught(run, settling.config, task, built, contract, samples, hashes, say)
    settle_cache(settling, samples, facts, contract, indices)
    batch = settle_form(settling, samples, contract, built, lesson.task)
    forwards.refuse_idle()
    refuse(once_settled(settling.config), settling.config, origins)
    if settling.config.model.init.check:
        run.note(init_check=check_spread(built, task, batch, len(contract.classes), say))
    settle_workers(settling, samples, contract, indices, step_timer(settling.config, built, lesson.task, batch))
    settling.tell(say, balance_told(balanced))
    write_split(run.split, samples, facts)
    contract.save(run.contract)
    run.note(
        origins=settling.origins,
        settings=flat(settling.config),
        weights_report=report,
        parameters=sum(parameter.numel() for parameter in built.module.parameters()),
        contract=contract.hash,
        balance=balanced.account,
        **_noted(view),
    )
    dump(settling.config, settling.origins, run.config)
    run.note(state="prepared", own_files=fingerprints(settling.config))
    return Prepared(
        settling.config, samples, contract, built, lesson.task, judge, balanced, hashes, lesson.answers, facts
    )


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
    tell_changed(run, config, say)
    contract = Contract.load(run.contract)
    found = read(config.data.path, config.data.reader, config.data.root, wanted_by(config))
    samples = apply_split(found, run.split, contract.classes)
    refuse_changes(samples, run.split, np.concatenate([training_part(samples, config), samples.part("val")]))
    if "balance" not in run.info():  # a run of an earlier version, which left weights aside
        samples = dataclasses.replace(samples, weights=None)
    balanced = balance_of(samples, config)
    refuse_other_weights(run, balanced)
    start = resolve(config, {"model.weights": "none"}) if begun else config
    built, _ = build_model(start, contract, say, _prior(samples, config, balanced))
    Forwards(built.module, config.train)
    hashes = packed(read_split(run.split).sha256)
    task, judge = tasks_of(config, contract, balanced)
    lesson = taught(run, config, task, built, contract, samples, hashes, say)
    compute_with(int(config.train.threads), config.train.precision)  # a teacher was opened with those of its own
    return Prepared(config, samples, contract, built, lesson.task, judge, balanced, hashes, lesson.answers)


def _prior(samples: Samples, config: RunConfig, balanced: Balance) -> list[float] | None:
    return shares_seen(samples, config, balanced) if config.model.init.prior_bias else None


def _refuse_unknown_names(config: RunConfig) -> None:
    """A misspelt model or missing file is found before a large data set is read."""
    if config.model.name != "auto":
        preferred_input(config.model.name)
    refuse_absent_weights(config.model)
    make_loss(config.train.loss, None, kind_of(config.task.name))
    if isinstance(config.data.augment, str) and is_own(config.data.augment):
        plug.load(config.data.augment, "data.augment")
    rules_with(config.watch.rules)
    load_metrics(config.evaluation.metrics)
    plug.resolve("sampler", config.data.sampler, dict.fromkeys(("auto", "none")) | SAMPLERS, "data.sampler")


def _noted(view: View) -> dict[str, Any]:
    """What a run keeps of its data; ``parts_made`` are those that the split made, and not the data set."""
    data = view.settling.config.data
    made = sorted(parts_to_make(view.taken.samples, data.val, data.test))
    return view.taken.noted() | {"parts_made": [PARTS[part] for part in made]}


def _counted(samples: Samples) -> str:
    parts = ", ".join(f"{len(samples.part(name))} {name}" for name in ("train", "val", "test"))
    return f"{len(samples)} images {with_what(samples)}: {parts}"
