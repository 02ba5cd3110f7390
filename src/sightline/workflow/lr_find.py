"""Find a learning rate by a short training whose rate rises until it diverges."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sightline import distributed
from sightline.errors import ConfigError, NonFiniteError, RunError, TrainingError
from sightline.evaluation.rate_plots import draw_sweep
from sightline.run import Run
from sightline.training.job import Job
from sightline.training.loop import train
from sightline.training.lr_range import Sweep, diverged, judge, ramp
from sightline.workflow.feed import Feed
from sightline.workflow.job import make_job
from sightline.workflow.prepare import prepare
from sightline.workflow.say import Say
from sightline.workflow.train import meet
from sightline.workflow.wishes import Settings, wished

FEWEST, MOST = 20, 10_000
"""Steps that a sweep may have: of fewer, nothing can be told."""
BELOW, ABOVE = 1e-3, 1e2
"""Where the sweep begins and ends, as shares of ``train.lr``."""


def find_lr(
    data: str | Path | None,
    *,
    config: Path | None = None,
    settings: Settings | None = None,
    steps: int = 100,
    out: Path = Path("lr.png"),
    say: Say | None = None,
) -> Sweep:
    """Train for some steps with a rising learning rate, draw the losses, and propose a peak rate.

    Everything is as in a training with these settings: optimizer, batches, augmentation, mixing, precision, what is
    frozen at its beginning. The rates lie around ``train.lr``, from a thousandth of it to a hundred times. Nothing is
    kept but the picture.

    Args:
        data: folder, archive, CSV or idx folder; may also stand in the settings as ``data.path``.
        config: YAML file, as for a training.
        settings: values by dotted path, or ``key=value`` words; they go over the file.
        steps: optimizer steps of the sweep, 20 to 10000.
        out: the PNG to write; it is written even if nothing can be proposed.
        say: where notes go.

    Raises:
        TrainingError: the loss did not fall at any rate.
        ConfigError: too few or too many steps.
        SightlineError: the data or the settings cannot be used.
    """
    say = say or Say(quiet=True)
    if not FEWEST <= steps <= MOST:
        raise ConfigError(
            "a sweep cannot have so many steps", where="steps", got=steps, allowed=[f"{FEWEST} to {MOST}"]
        )
    if distributed.world() > 1:
        raise RunError(
            "lr-find runs in one process", got=f"{distributed.world()} ranks", hint="start it without torchrun"
        )
    loaded = wished(data, config, settings, "lr-find")
    meet(loaded.config)
    with tempfile.TemporaryDirectory(prefix="sightline-lr-find-") as folder:
        run = Run.create(Path(folder) / "run")
        prepared = prepare(run, loaded.config, loaded.origins, say)
        feed = Feed(prepared)
        job = _sweeping(make_job(prepared, run, feed), float(prepared.config.train.lr), steps)
        feed.open(say)
        with say.progress("steps") as progress:
            rates, losses = _swept(job, steps, progress)
    return _told(rates, losses, out)


def _sweeping(job: Job, middle: float, steps: int) -> Job:
    """The same job with a rising rate, that neither evaluates nor saves nor averages; what is frozen stays so."""
    never, first = steps + 2, job.plan.frozen(0)
    job.plan = dataclasses.replace(
        job.plan,
        lr=ramp(BELOW * middle, ABOVE * middle, steps),
        lowering=None,
        frozen=lambda _: first,
        steps=steps + 1,
        evaluate=never,
        save=never,
    )
    job.evaluate, job.ema, job.swa = None, None, None
    return job


def _swept(job: Job, steps: int, tell: Callable[[int, int], None] | None) -> tuple[list[float], list[float]]:
    rates: list[float] = []
    losses: list[float] = []
    try:
        for record in train(job):
            if record.kind != "step":
                continue
            rates.append(job.plan.lr(record.step - 1))
            losses.append(float(record.values["loss"]))
            if tell is not None:
                tell(record.step, steps)
            if record.step == steps or diverged(losses):
                break
    except NonFiniteError:  # that is where the sweep ends
        pass
    return rates, losses


def _told(rates: list[float], losses: list[float], out: Path) -> Sweep:
    """Judge the sweep, and draw it, whatever the judgement."""
    try:
        sweep = judge(rates, losses)
    except TrainingError:
        draw_sweep(np.asarray(rates), np.asarray(losses), None, [], out)
        raise
    marks = [("proposed", sweep.proposed), ("least loss", sweep.lowest), ("steepest fall", sweep.steepest)]
    draw_sweep(np.asarray(rates), np.asarray(losses), sweep.smooth, marks, out)
    return sweep
