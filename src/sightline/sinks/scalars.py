"""Which numbers of a record are drawn over the steps, and under which names."""

import math

from sightline.records import Record

_UNTOLD = frozenset({"kind", "step", "images", "best", "val_n", "seen_n"})
_PARTS = ("val", "seen")


def scalars(record: Record) -> dict[str, float]:
    """The numbers of a record of a step or an evaluation, as ``train/loss``, ``val/accuracy`` and ``seen/accuracy``.

    Reads the device.
    """
    found: dict[str, float] = {}
    for key, value in record.plain().items():
        part, _, figure = key.partition("_")
        of_evaluation = part in _PARTS and figure != ""
        wanted = record.kind == "step" or of_evaluation
        if wanted and key not in _UNTOLD and isinstance(value, (int, float)):
            found[f"{part}/{figure}" if of_evaluation else f"train/{key}"] = value
    return found


def finite(figures: dict[str, float]) -> dict[str, float]:
    """Those that are numbers: a store of figures takes no NaN."""
    return {name: value for name, value in figures.items() if math.isfinite(value)}
