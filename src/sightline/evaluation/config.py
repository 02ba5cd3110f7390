"""Settings of the evaluation stage."""

import dataclasses
from typing import Annotated

from annotated_types import Ge, Gt, Lt


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How figures and their intervals are computed."""

    batch_size: Annotated[int, Ge(1)] = 128
    """Images per forward pass."""
    resamples: Annotated[int, Ge(100)] = 2000
    """Bootstrap resamples behind each interval."""
    confidence: Annotated[float, Gt(0.5), Lt(1.0)] = 0.95
    """Share of resamples that an interval covers."""
