"""A schedule of your own: a pure function of the progress, so that a resumed run needs nothing from before.

sightline train FOLDER -s train.schedule.name=my_schedule:linear
"""

from sightline.training.config import ScheduleConfig
from sightline.training.schedules import Schedule


def linear(config: ScheduleConfig) -> Schedule:
    """A straight line from the peak (progress 0, after the warm-up) to ``final`` (progress 1)."""
    return lambda progress: 1 - (1 - config.final) * progress
