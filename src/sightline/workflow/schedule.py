"""What the learning rate of a training will do, before it is trained or afterwards."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline import plug
from sightline.config import RunConfig
from sightline.config_file import load_resolved
from sightline.data.split import read_split
from sightline.errors import ConfigError, RunError
from sightline.evaluation.rate_plots import draw_schedule
from sightline.run import Run
from sightline.training.config import TrainConfig
from sightline.training.schedules import Clock, clock_after, clock_of, rate_of, steps_of
from sightline.workflow.auto import Settling
from sightline.workflow.balance import training_part
from sightline.workflow.prepare import settle_view
from sightline.workflow.say import Say
from sightline.workflow.wishes import Settings, loaded_from, wished

PHOTO_SIDE = 224.0
"""Side in pixels that images are taken to have where nobody looks at them."""


@dataclasses.dataclass(frozen=True, eq=False)
class Timetable:
    """A training's steps and what happens when."""

    title: str
    """Schedule, peak and length in words."""
    clock: Clock
    """Lengths in steps."""
    rates: NDArray[np.float64]
    """Learning rate of each step, ``[steps]``; with a plateau, those that it never lowers."""
    events: list[tuple[int, str]]
    """Step and words of what happens in it."""

    def rows(self, most: int = 16) -> list[tuple[int, float, float, str]]:
        """Step, epoch, learning rate and words: at the events, the ends, and evenly between."""
        told: dict[int, str] = {}
        for step, words in self.events:
            told[step] = f"{told[step]}; {words}" if step in told else words
        total = len(self.rates)
        even = np.linspace(0, total - 1, max(2, most - len(told))).round().astype(int)
        places = sorted({*even.tolist(), *(step for step in told if step < total)})
        return [(step, step / self.clock.per_epoch, float(self.rates[step]), told.get(step, "")) for step in places]


def show_schedule(
    data: str | Path | None,
    *,
    config: str | Path | None = None,
    settings: Settings | None = None,
    samples: int | None = None,
    out: str | Path = "schedule.png",
    say: Say | None = None,
) -> Timetable:
    """Draw the learning rate over a training that these settings would make, or that a run made.

    Args:
        data: a run's folder, or the data of a training to come; not needed with ``samples``.
        config: YAML file, as for a training.
        settings: values by dotted path, or ``key=value`` words; they go over the file.
        samples: training images, in place of reading data; what ``auto`` takes from the images is that for photos.
        out: the PNG to write.
        say: where notes go.

    Raises:
        SightlineError: the data or the settings cannot be used.
    """
    say = say or Say(quiet=True)
    if data is not None and (Path(data) / "run.json").is_file():
        settled, count = _of_run(Path(data), config, settings, samples)
    elif samples is not None:
        settled, count = _of_count(data, config, settings, samples, say)
    else:
        settled, count = _of_data(data, config, settings, say)
    table = timetable(settled, count)
    epochs = np.arange(len(table.rates)) / table.clock.per_epoch
    events = [(step / table.clock.per_epoch, words) for step, words in table.events]
    draw_schedule(table.title, epochs, table.rates, events, Path(out))
    return table


def timetable(config: RunConfig, samples: int) -> Timetable:
    """The timetable of settled settings.

    Args:
        config: its ``train`` has no ``auto`` about length, rate and schedule.
        samples: images of the training part.

    Raises:
        ConfigError: a duration does not fit.
    """
    train = config.train
    clock = clock_of(train, samples)
    shape = rate_of(train, clock)
    rates = np.asarray([shape(step) for step in range(clock.total)])
    length = f"{clock.total} steps, {clock.total / clock.per_epoch:.4g} epochs of {samples} images"
    title = f"{train.schedule.name}, peak {float(train.lr):.3g}: {length}"
    return Timetable(title, clock, rates, sorted(_events(config, clock)))


def _events(config: RunConfig, clock: Clock) -> list[tuple[int, str]]:
    train, events = config.train, list[tuple[int, str]]()
    melted = steps_of(train.freeze, clock.per_epoch, clock.total)
    later = melted if train.freezing.lr_while is not None else 0
    warmup = clock_after(train, clock, later).warmup
    if warmup:
        events.append((later + warmup, "the warm-up ends"))
    if melted:
        events.append((melted, _melting(train, melted >= clock.total)))
    if train.swa is not None:
        events.append((clock.total - steps_of(train.swa, clock.per_epoch, clock.total), "averaged from here on"))
    if (config.data.mixup or config.data.cutmix) and config.data.mix_off_epochs:
        events.append((clock.total - config.data.mix_off_epochs * clock.per_epoch, "images are mixed no more"))
    return events


def _melting(train: TrainConfig, never: bool) -> str:
    if never:
        return f"{'the backbone' if train.freezing.what == 'backbone' else 'a part'} stays frozen, to the end"
    if train.freezing.gradual is not None:
        return "the first frozen stage learns, then one more at a time"
    return "all layers learn"


def _of_run(
    folder: Path, config: str | Path | None, settings: Settings | None, samples: int | None
) -> tuple[RunConfig, int]:
    if config is not None or settings or samples is not None:
        raise ConfigError(
            "a run's schedule is what it was trained with", where=str(folder),
            hint="leave out -c, -s and --samples, or give the data in place of the run",
        )  # fmt: skip
    run = Run.open(folder)
    run.require_training("whose rates could be shown")
    if not run.split.exists():
        raise RunError(f"{folder} was not prepared yet", hint=f"sightline resume {folder}")
    plug.search_in(*run.user_folders())
    settled, count = load_resolved(run.config), read_split(run.split).parts.count("train")
    return settled, count if settled.data.limit is None else min(count, settled.data.limit)


def _of_count(
    data: str | Path | None, config: str | Path | None, settings: Settings | None, samples: int, say: Say
) -> tuple[RunConfig, int]:
    loaded = loaded_from(data, config, settings)
    settling = Settling(loaded.config, loaded.origins)
    side = settling.config.data.image_size
    settling.choose_model(PHOTO_SIDE if side == "auto" else float(side))
    settling.choose_training(samples)
    settling.tell(say)
    return settling.config, samples


def _of_data(
    data: str | Path | None, config: str | Path | None, settings: Settings | None, say: Say
) -> tuple[RunConfig, int]:
    loaded = wished(data, config, settings, "schedule")
    view = settle_view(loaded.config, loaded.origins, say)
    count = len(training_part(view.samples, view.settling.config))
    view.settling.choose_training(count)
    view.settling.tell(say)
    return view.settling.config, count
