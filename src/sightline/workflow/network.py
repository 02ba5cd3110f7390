"""The network of a run with its starting weights, and an account of where they came from."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sightline import plug
from sightline.config import RunConfig
from sightline.config_file import load_resolved
from sightline.data.contract import Contract
from sightline.data.loader import Batch
from sightline.errors import CheckpointError, WeightsError
from sightline.files import sha256_of
from sightline.model.build import Built, license_of
from sightline.model.config import ModelConfig
from sightline.model.heads import class_rows, start_head_small
from sightline.model.initialise import initialise
from sightline.model.make import make_model
from sightline.model.spread import spread_of
from sightline.model.weights import WeightsReport, load_weights
from sightline.model.weights_fetch import checked_sha256, fetch, is_address, needed_sha256
from sightline.model.weights_file import WeightsFile, class_names, read_weights, require_file, tensors_in
from sightline.model.weights_names import read_rules
from sightline.run import Run
from sightline.task.logits import OF_LOGITS, refuse_softmax
from sightline.task.task import Task
from sightline.training.checkpoint import Checkpoints
from sightline.workflow.say import Say


def build_model(
    config: RunConfig, contract: Contract, say: Say, prior: Sequence[float] | None = None
) -> tuple[Built, dict[str, Any]]:
    """The network with its starting weights, and an account of where they came from.

    Args:
        config: which network, which weights, which seed.
        contract: the classes and the images.
        say: where the account goes.
        prior: how often each class counts in the training, for ``model.init.prior_bias``.

    Raises:
        ModelError: the network cannot be built.
        WeightsError: the weights cannot be had or do not fit.
        ConfigError: a setting of ``model.init`` would change nothing.
    """
    torch.manual_seed(config.seed)
    model, classes = config.model, len(contract.classes)
    hub = model.weights == "hub"
    if hub:
        say.note(f"fetching the published weights of {model.name}")
    built = make_model(model, classes, contract.channels, size=contract.height, hub=hub)
    if model.weights != "none" and model.init.name == "auto":
        start_head_small(built, classes)
    fresh = {key for key, _ in built.module.named_parameters()}
    if model.weights in ("none", "hub"):
        source = "random" if model.weights == "none" else f"published weights of {model.name}"
        license_name = license_of(model.name) if hub else ""
        fresh = set(built.head) if hub else fresh
        account = {"source": source, "license": license_name}
    else:
        report, license_name = _filled(built, model, contract, say)
        for line in report.lines():
            say.note(line)
        source = report.source
        fresh -= set(report.loaded)
        account = report.as_dict() | {"license": license_name}
    if license_name:
        say.note(f"weights: {source}, licence {license_name}" if hub else f"  licence: {license_name}")
    initialise(built, model.init, fresh, classes, prior)
    return built, account


def refuse_probabilities(module: nn.Module, config: RunConfig, contract: Contract) -> None:
    """Refuse a network or head of the user's own that ends in a softmax where the loss takes logits.

    Raises:
        ModelError: says how it was found.
    """
    own = plug.is_plug(config.model.name) or plug.is_plug(config.model.head.name)
    if own and config.train.loss.name in OF_LOGITS:
        where = "model.head.name" if plug.is_plug(config.model.head.name) else "model.name"
        images = torch.randn(
            4, contract.channels, contract.height, contract.width, generator=torch.Generator().manual_seed(0)
        )
        refuse_softmax(module, images, loss=config.train.loss.name, where=where)


def check_spread(built: Built, task: Task, batch: Batch, classes: int, say: Say) -> dict[str, Any]:
    """Tell how the spread of the activations changes from layer to layer; the same for ``run.json``."""
    inputs = task.inputs(batch.pixels, torch.device("cpu"), torch.contiguous_format)
    head = [key.rpartition(".")[0] for key in class_rows(built, classes)]
    report = spread_of(built.module.cpu(), inputs, head)
    for one in report.layers:
        say.detail(f"{one.layer}: variance {one.variance:.3g}")
    say.note(f"start: {report.words}")
    return report.as_dict()


def _filled(built: Built, model: ModelConfig, contract: Contract, say: Say) -> tuple[WeightsReport, str]:
    """Fill the network from a file, an address or a run; the report, and the licence as far as it is known."""
    file, license_name = _read(model, contract, say)
    report = load_weights(
        built.module,
        file,
        rules=read_rules(model.weights_rules),
        match=model.weights_match,
        head=[key for key, _ in built.module.named_parameters() if key in built.head],
        rows=class_rows(built, len(contract.classes)),
        classes=contract.classes,
    )
    return report, license_name


def _read(model: ModelConfig, contract: Contract, say: Say) -> tuple[WeightsFile, str]:
    named_by = Path(model.weights_classes) if model.weights_classes else None
    if is_address(model.weights):
        with say.progress("fetching weights") as tell:
            path = fetch(model.weights, model.weights_sha256, tell)
        file = dataclasses.replace(read_weights(path, named_by), source=model.weights)
        return file, f"that of the file {path.name}"
    path = Path(model.weights)
    run, checkpoint = _run_of(path)
    if run is not None:
        _tell_other_scale(Contract.load(run.contract), contract, say)
    if run is None:
        _verify(path, model.weights_sha256)
        return read_weights(path, named_by), f"that of the file {path.name}"
    if checkpoint is not None:
        _verify(path, model.weights_sha256)
    elif model.weights_sha256:
        raise WeightsError(
            "the checksum of a run's weights is in its own index", where="model.weights_sha256", hint="remove it"
        )
    return _of_run(run, checkpoint, named_by)


def _tell_other_scale(before: Contract, now: Contract, say: Say) -> None:
    if (before.mean, before.std) != (now.mean, now.std):
        mean, std = (f"[{','.join(map(str, one))}]" for one in (before.mean, before.std))
        say.note(
            f"note: those weights saw images scaled otherwise; -s data.mean={mean} -s data.std={std} would keep that"
        )


def refuse_absent_weights(model: ModelConfig) -> None:
    """Find out before any image is read that the weights cannot be had.

    Raises:
        WeightsError: an address without a checksum, or a file that is not there.
        RunError: a folder that is no run.
    """
    if model.weights in ("auto", "none", "hub"):
        return
    if is_address(model.weights):
        needed_sha256(model.weights, model.weights_sha256)
        return
    if _run_of(Path(model.weights))[0] is None:
        require_file(Path(model.weights))


def settings_of_run(weights: str) -> ModelConfig | None:
    """What a run's network was made with; ``None`` where the weights are not from a run."""
    if weights in ("auto", "none", "hub") or is_address(weights):
        return None
    run, _ = _run_of(Path(weights))
    return None if run is None else load_resolved(run.config).model


def view_of_run(weights: str) -> Contract | None:
    """What a run's network sees of an image; ``None`` where the weights are not from a run."""
    if weights in ("auto", "none", "hub") or is_address(weights):
        return None
    run, _ = _run_of(Path(weights))
    return None if run is None else Contract.load(run.contract)


def _verify(path: Path, sha256: str) -> None:
    if not sha256 or not path.is_file():
        return
    found, wanted = sha256_of(path), checked_sha256(sha256)
    if found != wanted:
        raise WeightsError(
            "the weights file is not the one that was meant", where=str(path), got=f"SHA-256 {found}", allowed=[wanted]
        )


def _run_of(path: Path) -> tuple[Run | None, str | None]:
    """The run that this is the folder of, or a checkpoint file of; with the name of that file."""
    if path.is_dir():
        if (path / "bundle.json").is_file():
            raise WeightsError(
                "a bundle holds no weights that a model can be filled from", where="model.weights", got=path,
                hint="give the folder of the run that it was exported from",
            )  # fmt: skip
        return Run.open(path), None
    run = Run(path.parent.parent)
    return (run, path.name) if path.parent.name == "checkpoints" and run.contract.is_file() else (None, None)


def _of_run(run: Run, name: str | None, named_by: Path | None) -> tuple[WeightsFile, str]:
    """A run's best weights, or those of one of its checkpoints, with the classes that it was trained for."""
    checkpoints = Checkpoints(run.checkpoints)
    if name is None:
        try:
            entry = checkpoints.named("best")
        except CheckpointError:  # it had no validation part
            entry = checkpoints.named("last")
        content, source = checkpoints.load(entry), f"{run.folder} ({entry.file})"
        file = WeightsFile(source, tensors_in(content, source), True)
    else:
        file = read_weights(run.checkpoints / name)
    own = Contract.load(run.contract).classes if named_by is None else class_names(named_by)
    from_before = str(run.info().get("weights_report", {}).get("license") or "")
    told = f"that of {run.folder.name}" + (f", whose own starting weights have: {from_before}" if from_before else "")
    return dataclasses.replace(file, classes=own), told
