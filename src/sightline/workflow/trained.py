"""A trained network, taken from a run for evaluation, prediction or export."""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sightline import plug
from sightline.config import RunConfig
from sightline.config_file import load_resolved
from sightline.data.contract import Contract
from sightline.errors import CheckpointError, RunError, shortened
from sightline.model.make import make_model
from sightline.run import Run
from sightline.task.task import Task
from sightline.training.arithmetic import compute_with
from sightline.training.checkpoint import Checkpoints, weights_sha256
from sightline.training.job import LAYOUTS
from sightline.training.parallel import Parallel, parallel_of
from sightline.workflow.tasks import judging_task


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedModel:
    """The network of a run's checkpoint, ready to answer."""

    run: Run
    config: RunConfig
    contract: Contract
    task: Task
    module: nn.Module
    """Scaled float32 ``[n, channels, h, w]`` to logits ``[n, classes]``, in evaluation mode on ``device``."""
    device: torch.device
    layout: torch.memory_format
    checkpoint: str
    """File and step of the checkpoint."""
    weights_sha256: str
    """Fingerprint of the network's weights."""
    head: frozenset[str] = frozenset()
    """Names of the parameters of its last layer; empty: it has no single one."""
    temperature: float = 1.0
    """What its logits are divided by before they become probabilities, where it was fitted for these weights."""

    @property
    def answering(self) -> Contract:
        """The contract with the temperature: what predictions, and files that are exported, go by."""
        return dataclasses.replace(self.contract, temperature=self.temperature)


def open_trained(run: Run | str | Path, checkpoint: str = "best") -> TrainedModel:
    """Load a checkpoint of a run.

    Args:
        run: the run, or its folder.
        checkpoint: ``best``, ``last``, or the name of a checkpoint file.

    Raises:
        CheckpointError: there is none yet, it is damaged, or its weights do not fit the network.
        RunError: there is no such run, it was never prepared, or there is no checkpoint of that name.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    if not run.contract.exists():
        raise RunError(f"{run.folder} has not been trained", hint=f"sightline resume {run.folder}")
    if "ensemble" in run.info():
        from sightline.workflow.members import open_members  # noqa: PLC0415  it opens each member by this function

        return open_members(run, checkpoint)
    plug.search_in(*run.user_folders())
    config, contract = load_resolved(run.config), Contract.load(run.contract)
    content, name = _content(run, checkpoint)
    built = make_model(config.model, len(contract.classes), contract.channels, size=contract.height)
    weights = content["ema"] or content["model"]
    require_fit(run, config, built.module, weights, name)
    built.module.load_state_dict(weights)
    layout = LAYOUTS[config.train.layout]
    if config.train.threads != "auto":
        compute_with(min(config.train.threads, torch.get_num_threads()), "fp32")
    digest = weights_sha256(built.module.state_dict())
    module, device = _placed(built.module, config, layout)
    known = run.read_temperatures().get(digest, {}) if config.evaluation.temperature == "auto" else {}
    task, warmth = judging_task(config, contract), float(known.get("temperature", 1.0))
    return TrainedModel(run, config, contract, task, module, device, layout, name, digest, built.head, warmth)


def best_weights(run: Run) -> str | None:
    """Fingerprint of the weights that are evaluated and exported; ``None`` before the first checkpoint."""
    checkpoints = Checkpoints(run.checkpoints)
    with contextlib.suppress(CheckpointError):
        content = checkpoints.load(checkpoints.named("best"))
        return weights_sha256(content["ema"] or content["model"])
    return None


def require_fit(
    run: Run, config: RunConfig, module: nn.Module, weights: Mapping[str, torch.Tensor], checkpoint: str
) -> None:
    """Let weights pass that a network can be filled from, whole.

    Raises:
        CheckpointError: they are those of another network: the user's file was changed, or a library.
    """
    own = module.state_dict()
    odd = [f"{key} is not in the checkpoint" for key in own if key not in weights]
    odd += [f"{key} is not in the model" for key in weights if key not in own]
    both = [(key, list(weights[key].shape), list(own[key].shape)) for key in own if key in weights]
    odd += [f"{key} {before} -> {now}" for key, before, now in both if before != now]
    if not odd:
        return
    made = run.info().get("versions", {})
    with_these = ", ".join(f"{name} {made.get(name, 'unknown')}" for name in ("sightline", "torch", "timm"))
    files = [plug.source_file(name) or name for name in (config.model.name, config.model.head.name) if ":" in name]
    undo = f"give {' and '.join(map(str, files))} back the layers of that time" if files else "install these versions"
    raise CheckpointError(
        f"the weights of {checkpoint} do not fit the network as it is built now", where=str(run.folder),
        got=shortened(odd, 3), hint=f"{undo}, or train a new run; this one was made with {with_these}",
    )  # fmt: skip


def _placed(module: nn.Module, config: RunConfig, layout: torch.memory_format) -> tuple[nn.Module, torch.device]:
    """The network where it can answer; over the devices of its training, if they are here and it was split."""
    own = config.train.distributed
    if own.kind == "layers" and torch.cuda.device_count() > 1:
        parallel = parallel_of(own, torch.device("cuda"))
    else:
        parallel = Parallel("ddp", [device_here(config.train.device)])
    parallel.place(module, layout)
    return module.eval(), parallel.devices[0]


def device_here(name: str) -> torch.device:
    """The device of the training, or the nearest to it that this machine has."""
    device = torch.device(name)
    if device.type == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return device if (device.index or 0) < torch.cuda.device_count() else torch.device("cuda")


def _content(run: Run, checkpoint: str) -> tuple[dict[str, Any], str]:
    checkpoints = Checkpoints(run.checkpoints)
    if checkpoint in ("best", "last"):
        entry = checkpoints.named(checkpoint)
    else:
        found = [one for one in checkpoints.entries() if one.file == checkpoint]
        if not found:
            names = ["best", "last", *(one.file for one in checkpoints.entries())]
            raise RunError(f"no checkpoint '{checkpoint}'", where=str(run.checkpoints), allowed=names)
        entry = found[0]
    return checkpoints.load(entry), entry.file
