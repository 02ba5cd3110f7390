"""The configuration of a run: the stages' own settings, composed."""

import dataclasses
from typing import Annotated

from annotated_types import Ge, Lt

from sightline.data.config import DataConfig
from sightline.diagnosis.config import ProfileConfig, WatchConfig
from sightline.evaluation.config import EvaluationConfig
from sightline.export.config import ExportConfig
from sightline.model.config import ModelConfig
from sightline.sinks.config import TrackConfig
from sightline.task.config import TaskConfig
from sightline.training.config import TrainConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides the outcome of a run."""

    seed: Annotated[int, Ge(0), Lt(2**63)] = 0
    """Seed of the split, the order, the augmentation and the initial weights."""
    data: DataConfig = DataConfig()
    """What is read, how it is divided, and what the model gets to see."""
    model: ModelConfig = ModelConfig()
    """Which network, from which weights."""
    task: TaskConfig = TaskConfig()
    """What is learnt from an image."""
    train: TrainConfig = TrainConfig()
    """How long, how fast, with what."""
    track: TrackConfig = TrackConfig()
    """Where the records go beside the run's folder."""
    watch: WatchConfig = WatchConfig()
    """What is looked at while it trains."""
    profile: ProfileConfig = ProfileConfig()
    """Where the time of some steps goes."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """How figures and their intervals are computed."""
    export: ExportConfig = ExportConfig()
    """How far an artefact may differ from the model it was made from."""
