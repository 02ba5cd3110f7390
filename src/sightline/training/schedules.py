"""Schedules: the learning rate as a pure function of the step, and durations in steps."""

import dataclasses
import math
from collections.abc import Callable

from sightline import plug
from sightline.data.order import steps_per_epoch
from sightline.errors import ConfigError
from sightline.training.config import ScheduleConfig, TrainConfig


@dataclasses.dataclass(frozen=True)
class Clock:
    """How long things are, in optimizer steps."""

    per_epoch: int
    warmup: int
    total: int

    def progress(self, step: int) -> float:
        """0 at the end of the warm-up, 1 at the end of the run."""
        return (step - self.warmup) / max(1, self.total - self.warmup)

    def steps(self, duration: str, where: str) -> int:
        """A duration in steps.

        Raises:
            ConfigError: it is shorter than a step.
        """
        steps = steps_of(duration, self.per_epoch, self.total)
        if steps < 1:
            raise ConfigError(
                f"{where} is shorter than a step", where=where, got=f"{duration} of {self.total} steps",
                hint="give a longer one, such as 1ep or 10st",
            )  # fmt: skip
        return steps


Schedule = Callable[[float], float]
"""A user's own: progress, 0 at the end of the warm-up to 1 at the end of the run -> share of the peak learning rate."""
Shape = Callable[[int], float]
"""The step, from the end of the warm-up on -> share of the peak learning rate."""


def constant(config: ScheduleConfig, clock: Clock) -> Shape:
    """The peak, all the way."""
    del config, clock
    return lambda _: 1.0


def linear(config: ScheduleConfig, clock: Clock) -> Shape:
    """A straight line from the peak to ``final``."""
    return lambda step: 1 - (1 - config.final) * clock.progress(step)


def cosine(config: ScheduleConfig, clock: Clock) -> Shape:
    """Half a cosine from the peak to ``final`` (Loshchilov and Hutter 2017, without restarts)."""
    return lambda step: _half_cosine(1.0, config.final, clock.progress(step))


def restarts(config: ScheduleConfig, clock: Clock) -> Shape:
    """Half cosines from the peak to ``final``, each ``stretch`` times as long as the last (SGDR, the same paper).

    A percentage is one of what follows the warm-up, to fractions of a step: four quarters end with the run.
    """
    first = float(clock.steps(config.every, "train.schedule.every"))
    if config.every.endswith("%"):
        first = float(config.every[:-1]) / 100 * (clock.total - clock.warmup)

    def share(step: int) -> float:
        begin, length = float(clock.warmup), first
        while step >= begin + length - _HAIR:
            begin, length = begin + length, length * config.stretch
        return _half_cosine(1.0, config.final, (step - begin) / length)

    return share


def step(config: ScheduleConfig, clock: Clock) -> Shape:
    """Times ``factor`` after each ``every``, counted from the beginning of the run."""
    every = clock.steps(config.every, "train.schedule.every")
    return lambda step: config.factor ** (step // every)


def milestones(config: ScheduleConfig, clock: Clock) -> Shape:
    """Times ``factor`` at each of ``at``, counted from the beginning of the run."""
    places = [clock.steps(place, "train.schedule.at") for place in config.at]
    return lambda step: config.factor ** sum(place <= step for place in places)


def exponential(config: ScheduleConfig, clock: Clock) -> Shape:
    """Falls evenly, by ``factor`` in each ``every``."""
    every = clock.steps(config.every, "train.schedule.every")
    return lambda step: config.factor ** ((step - clock.warmup) / every)


def polynomial(config: ScheduleConfig, clock: Clock) -> Shape:
    """A power of what is left of the run, from the peak to ``final``."""
    return lambda step: config.final + (1 - config.final) * (1 - clock.progress(step)) ** config.power


def one_cycle(config: ScheduleConfig, clock: Clock) -> Shape:
    """Half a cosine up to the peak in the warm-up, another down to ``final`` (Smith and Topin 2018, in cosines)."""

    def share(step: int) -> float:
        if step < clock.warmup:
            return _half_cosine(_START, 1.0, step / clock.warmup)
        return _half_cosine(1.0, config.final, clock.progress(step))

    return share


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress))


_HAIR = 1e-6
_START = 1 / 25
"""Where one_cycle starts, as a share of the peak."""
SCHEDULES: dict[str, Callable[[ScheduleConfig, Clock], Shape]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "restarts": restarts,
    "step": step,
    "milestones": milestones,
    "exponential": exponential,
    "polynomial": polynomial,
    "one_cycle": one_cycle,
    "plateau": constant,  # what lowers it is no function of the step; the loop does it after evaluations
}
"""Built-in schedules, each made from its settings and the length of things."""


def steps_of(duration: str, per_epoch: int, total: int) -> int:
    """A duration (``5ep``, ``500st``, ``10%``) in optimizer steps, rounded to the nearest."""
    if duration.endswith("ep"):
        return round(float(duration[:-2]) * per_epoch)
    if duration.endswith("st"):
        return round(float(duration[:-2]))
    return round(float(duration[:-1]) / 100 * total)


def clock_of(train: TrainConfig, samples: int) -> Clock:
    """How long a training is, by settled settings, over so many training samples."""
    per_epoch = steps_per_epoch(samples, int(train.batch_size))
    total = train.steps or int(train.epochs) * per_epoch
    return Clock(per_epoch, steps_of(train.schedule.warmup, per_epoch, total), total)


def rate_of(train: TrainConfig, clock: Clock) -> Callable[[int], float]:
    """The learning rate of each step: the schedule, after ``train.freezing.lr_while`` as long as ``train.freeze`` says.

    Args:
        train: names both rates and the schedule; after such a beginning, shares of the run are those of what is left.
        clock: lengths of the whole run.

    Raises:
        ConfigError: the schedule would never begin, or does not fit into what is left of the run.
    """
    first, until = train.freezing.lr_while, steps_of(train.freeze, clock.per_epoch, clock.total)
    if first is None:
        return make_schedule(train.schedule, float(train.lr), clock)
    if until >= clock.total:
        raise ConfigError(
            "all that is frozen stays so, and train.lr would never come", where="train.freezing.lr_while",
            got=f"{train.freeze} of {clock.total} steps", hint=f"set train.lr={first:g} alone",
        )  # fmt: skip
    then = make_schedule(train.schedule, float(train.lr), clock_after(train, clock, until))
    return lambda step: first if step < until else then(step - until)


def clock_after(train: TrainConfig, clock: Clock, until: int) -> Clock:
    """The lengths of what is left of a run after so many steps."""
    left = clock.total - until
    return Clock(clock.per_epoch, steps_of(train.schedule.warmup, clock.per_epoch, left), left)


def make_schedule(config: ScheduleConfig, peak: float, clock: Clock) -> Callable[[int], float]:
    """The learning rate of each step, counted from 0.

    Args:
        config: names the schedule. A user's own is a function of the settings that gives a function of the progress, 0
            at the end of the warm-up to 1 at the end of the run.
        peak: learning rate at the end of the warm-up.
        clock: lengths, of which the warm-up is a linear rise, but for one_cycle.

    Raises:
        ConfigError: the warm-up is as long as the run, or a duration is shorter than a step.
    """
    if clock.warmup >= clock.total:
        raise ConfigError(
            "the warm-up is as long as the run", where="train.schedule.warmup",
            got=f"{clock.warmup} of {clock.total} steps", hint="make it shorter, or train longer",
        )  # fmt: skip
    make = plug.resolve("schedule", config.name, SCHEDULES, "train.schedule.name")
    shape: Shape = make(config, clock) if config.name in SCHEDULES else _of_progress(make(config), clock)
    rises = config.name == "one_cycle"

    def lr(step: int) -> float:
        if step < clock.warmup and not rises:
            return peak * (step + 1) / (clock.warmup + 1)
        return peak * shape(step)

    return lr


def _of_progress(own: Schedule, clock: Clock) -> Shape:
    return lambda step: own(clock.progress(step))
