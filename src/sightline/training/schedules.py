"""Schedules: the learning rate as a pure function of the step, and durations in steps."""

import math
from collections.abc import Callable

from sightline import plug
from sightline.errors import ConfigError
from sightline.training.config import ScheduleConfig

Schedule = Callable[[float], float]
"""Progress after the warm-up, 0 at its end to 1 at the end of the run -> share of the peak learning rate."""


def cosine(config: ScheduleConfig) -> Schedule:
    """Half a cosine from the peak to ``final`` (Loshchilov and Hutter 2017, without restarts)."""
    return lambda progress: config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * progress))


def constant(config: ScheduleConfig) -> Schedule:
    """The peak, all the way."""
    del config
    return lambda _: 1.0


SCHEDULES: dict[str, Callable[[ScheduleConfig], Schedule]] = {"cosine": cosine, "constant": constant}
"""Built-in schedules, each made from its settings."""


def steps_of(duration: str, per_epoch: int, total: int) -> int:
    """A duration (``5ep``, ``500st``, ``10%``) in optimizer steps, rounded to the nearest."""
    if duration.endswith("ep"):
        return round(float(duration[:-2]) * per_epoch)
    if duration.endswith("st"):
        return round(float(duration[:-2]))
    return round(float(duration[:-1]) / 100 * total)


def make_schedule(config: ScheduleConfig, peak: float, warmup: int, total: int) -> Callable[[int], float]:
    """The learning rate of each step, 0 for the first.

    Args:
        config: names the schedule.
        peak: learning rate at the end of the warm-up.
        warmup: steps of linear rise.
        total: steps of the run.

    Raises:
        ConfigError: the warm-up is as long as the run.
    """
    if warmup >= total:
        raise ConfigError(
            "the warm-up is as long as the run", where="train.schedule.warmup", got=f"{warmup} of {total} steps",
            hint="make it shorter, or train longer",
        )  # fmt: skip
    shape: Schedule = plug.resolve("schedule", config.name, SCHEDULES, "train.schedule.name")(config)

    def lr(step: int) -> float:
        if step < warmup:
            return peak * (step + 1) / (warmup + 1)
        return peak * shape((step - warmup) / max(1, total - warmup))

    return lr
