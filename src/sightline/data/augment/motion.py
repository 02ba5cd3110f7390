"""Augmentation that turns one class into another: found only where the pairs of classes were told."""

from collections.abc import Sequence
from typing import Any

from sightline.config_steps import Step
from sightline.errors import DataError, did_you_mean
from sightline.findings import Finding

_WORDS = {
    "hflip": "mirrors images left to right",
    "vflip": "turns images upside down as a mirror does",
    "rotation90": "turns images by about 90 degrees",
    "rotation180": "turns images by about 180 degrees",
}


def motions_of(steps: Sequence[Step]) -> dict[str, str]:
    """Each motion of ``data.symmetric`` that these steps can make, and the step (or two) that makes it."""
    found: dict[str, str] = {}
    for step in steps:
        degrees = 135.0 if step.name == "trivialaugment" else getattr(step.options, "degrees", 0.0)
        if step.name in ("hflip", "vflip"):
            found.setdefault(step.name, step.name)
        if step.name == "rotation90" or degrees >= 45:
            found.setdefault("rotation90", step.name)
        if step.name == "rotation90" or degrees >= 135:
            found.setdefault("rotation180", step.name)
    if {"hflip", "vflip"} <= set(found):
        found.setdefault("rotation180", "hflip with vflip")
    return found


def contradictions(steps: Sequence[Step], symmetric: dict[str, Any], classes: Sequence[str]) -> list[Finding]:
    """A warning for each told pair of classes that these steps can turn into one another.

    Raises:
        DataError: a told class does not exist.
    """
    findings: list[Finding] = []
    made = motions_of(steps)
    for motion, pairs in symmetric.items():
        for pair in pairs:
            one, other = (_known(str(name), classes, motion) for name in pair)
            if motion in made:
                findings.append(
                    Finding(
                        rule="augment.symmetric",
                        severity="warning",
                        message=f"{made[motion]} {_WORDS[motion]}, and data.symmetric says that this turns "
                        f"'{one}' and '{other}' into one another",
                        remedy=_remedy(made[motion]),
                        evidence={"motion": motion, "step": made[motion], "classes": [one, other]},
                    )
                )
    return findings


def _remedy(step: str) -> str:
    if step in ("hflip", "vflip"):
        return f"leave {step} out of data.augment; with a preset, data.flip=no"
    if step in ("rotation", "affine"):
        return f"give {step} fewer degrees in data.augment"
    return f"leave {step} out of data.augment"


def _known(name: str, classes: Sequence[str], motion: str) -> str:
    if name not in classes:
        hint = did_you_mean(name, list(classes))
        raise DataError(
            f"no class '{name}'", where=f"data.symmetric.{motion}", allowed=classes[:20], hint=hint or "see the classes"
        )
    return name
