"""Settings of the export stage."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """How far an artefact may differ from the model it was made from."""

    images: Annotated[int, Ge(1)] = 512
    """Most validation images that the gate compares."""
    tolerance: Literal["auto"] | Annotated[float, Gt(0.0)] = "auto"
    """Largest difference of a logit, as a share of the largest logit; auto: by the arithmetic of the form."""
    agreement: Literal["auto"] | Annotated[float, Ge(0.0), Le(1.0)] = "auto"
    """Smallest share of images that must get the same label; auto: all of them in float32."""
    loss: Literal["auto"] | Annotated[float, Ge(0.0)] = "auto"
    """Largest loss of accuracy (of labels: of images with every label right), as a share: 0.005 is half a point. Of
    numbers: how much the mean absolute error may grow, in standard deviations."""
    calibration: Annotated[int, Ge(1)] = 256
    """Most training images that the ranges of 8-bit numbers are taken from."""
    golden: Annotated[int, Ge(0)] = 4
    """Validation images that go into a bundle with their answers, so that whoever loads it can test it; 0: none."""
