"""How far an artefact may be from its model: the more bits its numbers have, the less."""

import dataclasses
import math

from sightline.export.config import ExportConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """What the gate lets pass."""

    tolerance: float
    """Largest difference of a logit, as a share of the largest logit; infinite: any."""
    agreement: float
    """Smallest share of images that get the same label."""
    loss: float
    """Largest loss of accuracy, as a share; of numbers how much the mean absolute error may grow, in standard
    deviations."""


BUDGETS = {
    "fp32": Budget(tolerance=1e-5, agreement=1.0, loss=0.0),
    "fp16": Budget(tolerance=1e-2, agreement=0.99, loss=0.005),
    "bf16": Budget(tolerance=5e-2, agreement=0.98, loss=0.005),
    "int8": Budget(tolerance=math.inf, agreement=0.0, loss=0.005),
}
"""By arithmetic. Float32 is rounded in another order and else the same; of whole numbers of eight bits it counts what
they answer, and not how near they are."""


def budget_of(config: ExportConfig, precision: str) -> Budget:
    """The budget that is set, and where it is ``auto`` that of the arithmetic."""
    own = {name: getattr(config, name) for name in ("tolerance", "agreement", "loss")}
    return dataclasses.replace(BUDGETS[precision], **{key: value for key, value in own.items() if value != "auto"})
