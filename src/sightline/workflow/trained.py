"""A trained network, taken from a run for evaluation, prediction or export."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sightline import plug
from sightline.config import RunConfig
from sightline.config_file import load_resolved
from sightline.data.contract import Contract
from sightline.errors import RunError
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


def open_trained(run: Run | str | Path, checkpoint: str = "best") -> TrainedModel:
    """Load a checkpoint of a run.

    Args:
        run: the run, or its folder.
        checkpoint: ``best``, ``last``, or the name of a checkpoint file.

    Raises:
        CheckpointError: there is none yet, or it is damaged.
        RunError: there is no such run, it was never prepared, or there is no checkpoint of that name.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    if not run.contract.exists():
        raise RunError(f"{run.folder} has not been trained", hint=f"sightline resume {run.folder}")
    for folder in run.info().get("plugs", []):
        plug.search_in(Path(folder))
    config, contract = load_resolved(run.config), Contract.load(run.contract)
    content, name = _content(run, checkpoint)
    built = make_model(config.model, len(contract.classes), contract.channels, size=contract.height)
    built.module.load_state_dict(content["ema"] or content["model"])
    layout = LAYOUTS[config.train.layout]
    if config.train.threads != "auto":
        compute_with(min(config.train.threads, torch.get_num_threads()), "fp32")
    digest = weights_sha256(built.module.state_dict())
    module, device = _placed(built.module, config, layout)
    return TrainedModel(run, config, contract, judging_task(config, contract), module, device, layout, name, digest)


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
