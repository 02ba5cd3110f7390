"""Settings of the export stage."""

import dataclasses
from typing import Annotated

from annotated_types import Ge, Gt, Le


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """How far an artefact may differ from the model it was made from."""

    images: Annotated[int, Ge(1)] = 512
    """Most validation images that the gate compares."""
    tolerance: Annotated[float, Gt(0.0)] = 1e-4
    """Largest difference of a logit, as a share of the largest logit."""
    agreement: Annotated[float, Gt(0.0), Le(1.0)] = 1.0
    """Smallest share of images that must get the same label."""
