"""Settings of what follows a training from outside."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class WandbConfig:
    """Weights & Biases: ``pip install "sightline[wandb]"``."""

    project: str | None = None
    """The project to log to; none: W&B is not used."""
    entity: str | None = None
    """User or team that the project belongs to; none: that of the login."""
    mode: Literal["online", "offline"] = "online"
    """``offline`` writes to RUN/wandb only; ``wandb sync`` sends it later."""
    group: str | None = None
    """Runs of one group are shown together."""
    tags: tuple[str, ...] = ()
    """Words to find the run by."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MlflowConfig:
    """MLflow: ``pip install "sightline[mlflow]"``."""

    experiment: str | None = None
    """The experiment to log to; none: MLflow is not used."""
    uri: str | None = None
    """Where the store is, such as ``sqlite:///mlflow.db`` or ``http://host:5000``; none: as the environment variable
    MLFLOW_TRACKING_URI says, or else ``sqlite:///mlflow.db`` in the working directory."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackConfig:
    """Where the records go beside the run's folder."""

    wandb: WandbConfig = WandbConfig()
    """Weights & Biases."""
    mlflow: MlflowConfig = MlflowConfig()
    """MLflow."""
    artifacts: bool = True
    """Hand over the best checkpoint and the split, which names every image with its SHA-256, when training ends."""
