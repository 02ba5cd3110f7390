"""A schedule of your own: a pure function of the progress, so that a resumed run needs nothing from before.

sightline train FOLDER -s train.schedule.name=my_schedule:late
"""

from sightline.training.config import ScheduleConfig
from sightline.training.schedules import Schedule


def late(config: ScheduleConfig) -> Schedule:
    """The peak for the first 60 % after the warm-up, then a straight line to ``final`` at the end."""
    return lambda progress: 1 - (1 - config.final) * max(0.0, progress - 0.6) / 0.4
