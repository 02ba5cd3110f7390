"""Figures, settings and artifacts of a run to an MLflow store."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightline.errors import MissingExtra
from sightline.sinks.about import About, Artifact
from sightline.sinks.config import MlflowConfig
from sightline.sinks.scalars import finite

_OWN, _STORE = "mlflow", "mlflow store"
_DEFAULT = "sqlite:///mlflow.db"
_PARAMS_AT_ONCE = 100
"""As many as a store takes in one call, and so long may a value be."""
_LONGEST = 6000


def mlflow_library() -> Any:
    """The library, imported.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import mlflow  # noqa: PLC0415  optional
    except ImportError as error:
        raise MissingExtra(
            "mlflow is not installed", where="track.mlflow.experiment",
            hint='pip install "sightline[mlflow]", or leave the setting out',
        ) from error  # fmt: skip
    return mlflow


class MlflowRun:
    """A run in an MLflow experiment. A resumed training goes on in the same one.

    The client is told where everything goes at each call: no global state is touched, so that a program which uses
    MLflow itself finds it as it was.

    Args:
        config: where to log to.
        about: the run.
    """

    def __init__(self, config: MlflowConfig, about: About):
        library = mlflow_library()
        self.entities, self.about = library.entities, about
        store = about.known_as(_STORE) or _absolute(config.uri or os.environ.get("MLFLOW_TRACKING_URI") or _DEFAULT)
        about.remember(_STORE, store)
        self.client = library.MlflowClient(store)
        known = about.known_as(_OWN)
        if known is None:
            found = self.client.get_experiment_by_name(config.experiment)
            experiment = found.experiment_id if found else self.client.create_experiment(config.experiment)
            known = self.client.create_run(experiment, run_name=about.name).info.run_id
            about.remember(_OWN, known)
            self._tell_settings(known, about.settings)
        self.run_id: str = known
        self.client.update_run(known, status="RUNNING")

    def log(self, step: int, figures: dict[str, float]) -> None:
        """Take the figures of a step."""
        now = int(time.time() * 1000)
        metrics = [self.entities.Metric(name, value, now, step) for name, value in finite(figures).items()]
        self.client.log_batch(self.run_id, metrics=metrics)

    def close(self) -> None:
        """Hand over the artifacts and end."""
        for artifact in self.about.artifacts():
            for path in artifact.files:
                self.client.log_artifact(self.run_id, str(path), artifact.kind)
            self.client.set_tag(self.run_id, f"{artifact.kind}_sha256", artifact.sha256)
            if artifact.kind == "dataset":
                self._tell_data(artifact)
        self.client.set_terminated(self.run_id)

    def _tell_settings(self, run_id: str, settings: Mapping[str, Any]) -> None:
        params = [self.entities.Param(key, str(value)[:_LONGEST]) for key, value in settings.items()]
        for first in range(0, len(params), _PARAMS_AT_ONCE):
            self.client.log_batch(run_id, params=params[first : first + _PARAMS_AT_ONCE])

    def _tell_data(self, artifact: Artifact) -> None:
        source = json.dumps({"uri": str(artifact.about["source"])})
        # A digest has 36 characters at most.
        data = self.entities.Dataset(artifact.name, artifact.sha256[:32], "local", source)
        self.client.log_inputs(self.run_id, datasets=[self.entities.DatasetInput(data)])


def _absolute(uri: str) -> str:
    """A store in a file, so that a training that is resumed elsewhere finds it."""
    scheme, slashes, path = uri.partition(":///")
    return f"{scheme}{slashes}{Path(path).resolve()}" if scheme == "sqlite" and slashes else uri
