"""Figures, settings and artifacts of a run to Weights & Biases."""

import os
import secrets
from typing import Any

from sightline.errors import MissingExtra
from sightline.sinks.about import About
from sightline.sinks.config import WandbConfig
from sightline.sinks.scalars import finite

_OWN = "wandb"


def wandb_library() -> Any:
    """The library, imported.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import wandb  # noqa: PLC0415  optional
    except ImportError as error:
        raise MissingExtra(
            "wandb is not installed", where="track.wandb.project",
            hint='pip install "sightline[wandb]", or leave the setting out',
        ) from error  # fmt: skip
    return wandb


class WandbRun:
    """A run in Weights & Biases. A resumed training goes on in the same one.

    Args:
        config: where to log to.
        about: the run.
    """

    def __init__(self, config: WandbConfig, about: About):
        self.wandb, self.about = wandb_library(), about
        given = os.environ.get("WANDB_RUN_ID")  # an agent of a sweep decides it
        identity = given or about.known_as(_OWN) or secrets.token_hex(4)
        about.remember(_OWN, identity)
        self.run = self.wandb.init(
            project=config.project,
            entity=config.entity,
            mode=config.mode,
            group=config.group,
            tags=list(config.tags) or None,
            id=identity,
            name=about.name,
            resume="allow",
            dir=str(about.folder),
            config=dict(about.settings),
            save_code=False,
            settings=self.wandb.Settings(console="off", silent=True, disable_git=True),
        )
        # Its own count of calls would stand still where a resumed run repeats steps.
        self.run.define_metric("step", hidden=True)
        self.run.define_metric("*", step_metric="step")

    def log(self, step: int, figures: dict[str, float]) -> None:
        """Take the figures of a step."""
        self.run.log({"step": step, **finite(figures)})

    def close(self) -> None:
        """Hand over the artifacts and end."""
        for artifact in self.about.artifacts():
            made = self.wandb.Artifact(artifact.name, type=artifact.kind, metadata=dict(artifact.about))
            for path in artifact.files:
                made.add_file(str(path), name=path.name)
            self.run.log_artifact(made)
            self.run.summary[f"{artifact.kind}_sha256"] = artifact.sha256
        self.run.finish()
