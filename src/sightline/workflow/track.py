"""Trackers of a run: Weights & Biases and MLflow."""

import hashlib
from collections.abc import Callable

from sightline.config import RunConfig
from sightline.config_file import flat
from sightline.run import Run
from sightline.sinks.about import About, Artifact
from sightline.sinks.aside import Aside
from sightline.sinks.mlflow_run import MlflowRun, mlflow_library
from sightline.sinks.wandb_run import WandbRun, wandb_library
from sightline.training.checkpoint import Checkpoints


def trackers_of(run: Run, config: RunConfig, warn: Callable[[str], None]) -> list[Aside]:
    """The trackers that the settings name, each in a thread of its own.

    Args:
        run: the run.
        config: its settings.
        warn: is told when one fails.

    Raises:
        MissingExtra: one of them is not installed.
    """
    track = config.track
    about = About(
        folder=run.folder,
        settings={key: value for key, value in flat(config).items() if not key.startswith("track.")},
        artifacts=lambda: _artifacts(run, config) if track.artifacts else [],
    )
    found: list[Aside] = []
    if track.wandb.project is not None:
        wandb_library()
        found.append(Aside("W&B", lambda: WandbRun(track.wandb, about), warn))
    if track.mlflow.experiment is not None:
        mlflow_library()
        found.append(Aside("MLflow", lambda: MlflowRun(track.mlflow, about), warn))
    return found


def refuse_missing_trackers(config: RunConfig) -> None:
    """Refuse settings that name a tracker which is not installed.

    Raises:
        MissingExtra: says what to install.
    """
    if config.track.wandb.project is not None:
        wandb_library()
    if config.track.mlflow.experiment is not None:
        mlflow_library()


def _artifacts(run: Run, config: RunConfig) -> list[Artifact]:
    """The split, which names every image with its checksum, and the best checkpoint, if there is one."""
    source = str(config.data.path)
    found = [
        Artifact(
            kind="dataset",
            name=f"{run.folder.resolve().name}-data",
            sha256=hashlib.sha256(run.split.read_bytes()).hexdigest(),
            files=(run.split,),
            about={"source": source},
        )
    ]
    checkpoints = Checkpoints(run.checkpoints)
    if (name := checkpoints.names("best")) is not None:
        best, path = checkpoints.named("best"), run.checkpoints / name
        files = (path,) if path.is_file() else tuple(sorted(one for one in path.rglob("*") if one.is_file()))
        about = {"step": best.step, "checkpoint_sha256": best.sha256}
        found.append(
            Artifact(
                kind="model",
                name=f"{run.folder.resolve().name}-model",
                sha256=best.sha256,
                files=(*files, run.contract, run.config),
                about=about,
            )
        )
    return found
