"""Settings of the task."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """What is learnt from an image."""

    name: str = "classification"
    """classification, or your own "my_file:make_task"."""
