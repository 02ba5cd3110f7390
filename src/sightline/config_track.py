"""Settings about trackers that have no effect beside the others."""

from sightline.config import RunConfig
from sightline.config_useless import Useless


def _nobody(config: RunConfig) -> bool:
    return config.track.wandb.project is None and config.track.mlflow.experiment is None


TRACK_ROWS = (
    *(
        Useless(
            f"track.wandb.{name}",
            lambda config: config.track.wandb.project is None,
            "without track.wandb.project W&B is not used",
            "remove it, or set track.wandb.project",
        )
        for name in ("entity", "mode", "group", "tags")
    ),
    Useless(
        "track.mlflow.uri",
        lambda config: config.track.mlflow.experiment is None,
        "without track.mlflow.experiment MLflow is not used",
        "remove it, or set track.mlflow.experiment",
    ),
    Useless(
        "track.artifacts",
        _nobody,
        "nobody takes them",
        "remove it, or set track.wandb.project or track.mlflow.experiment",
    ),
)
"""Every such setting."""
