"""Settings of the evaluation stage."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How figures and their intervals are computed."""

    batch_size: Annotated[int, Ge(1)] = 128
    """Images per forward pass."""
    resamples: Annotated[int, Ge(100)] = 2000
    """Bootstrap resamples behind each interval."""
    confidence: Annotated[float, Gt(0.5), Lt(1.0)] = 0.95
    """Share of such intervals that cover the truth."""
    metrics: tuple[str, ...] = ()
    """Figures of your own beside the built-in ones, each a "my_file:thing"."""
    groups: tuple[str, ...] = ()
    """Columns of the CSV, such as [site, sex], by whose values the figures are told apart."""
    temperature: Literal["auto", "none"] = "auto"
    """auto: evaluate fits on the validation part what confidences are divided by, where that part shows a need; none:
    softmax as it is."""
