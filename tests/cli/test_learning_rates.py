"""``lr-find`` proposes a rate by the very steps of a training; ``schedule`` tells what a rate will do."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from sightline.cli.lr_find import command as lr_find_verb
from sightline.errors import ConfigError, TrainingError
from sightline.run import Run
from sightline.training.job import Job
from sightline.training.loop import train
from sightline.workflow import lr_find
from small_training import settings, train_small, words

Command = Callable[..., Any]
SMALL = {"data__image_size": 8, "data__limit": 640, "train__batch_size": 32, "train__steps": None}


def test_lr_find_proposes_a_rate_that_trains_and_says_how_to_use_it(command: Command, digits: Path, tmp_path: Path):
    out = tmp_path / "lr.png"
    done = command("lr-find", digits, *words(**SMALL), "--steps", 60, "--out", out)
    assert done.code == 0, done.err
    proposed = float(done.out.split("proposed train.lr ")[1].split(":")[0])
    assert 3e-4 < proposed < 1e-1
    assert f"-s train.lr={proposed:g}" in done.err.splitlines()[-1] and f"sightline train {digits}" in done.err
    with Image.open(out) as picture:
        assert picture.size == (960, 540)
    assert not (Path.cwd() / "runs").exists()


def test_the_sweep_makes_the_steps_of_a_training(command: Command, noise: Path, tmp_path: Path):
    run = train_small(noise, tmp_path / "run", **{"train.lr": 1e-9, "train.schedule.name": "constant"}).run
    first = next(record["loss"] for record in run.read_records() if record["kind"] == "step")
    given = [*words(train__lr=0.02), "--steps", 40, "--out", tmp_path / "lr.png", "--json"]
    found = json.loads(command("lr-find", noise, *given).out)
    assert found["losses"][0] == pytest.approx(first, abs=1e-6)
    assert found["rates"][0] == pytest.approx(2e-5) and len(found["rates"]) == len(found["losses"])


def test_lr_find_shows_the_curve_where_it_has_nothing_to_propose(command: Command, noise: Path, tmp_path: Path):
    out = tmp_path / "lr.png"
    done = command("lr-find", noise, *words(train__lr=1e-12), "--steps", 30, "--out", out)
    assert done.code == 1 and out.exists()
    assert "the loss did not fall at any rate of the sweep" in done.err and "proposed" not in done.out


def test_what_is_frozen_at_the_beginning_stays_so_in_the_whole_sweep(
    noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    jobs: list[Job] = []
    before: list[dict[str, torch.Tensor]] = []

    def watched(job: Job) -> Iterator[Any]:
        jobs.append(job)
        before.append({key: value.clone() for key, value in job.built.module.state_dict().items()})
        yield from train(job)

    monkeypatch.setattr(lr_find, "train", watched)
    given = settings(train__freeze="4st", train__swa="50%", train__lr=1e-3)
    with contextlib.suppress(TrainingError):
        lr_find.find_lr(noise, settings=given, steps=20, out=tmp_path / "lr.png")
    (job,), (old,) = jobs, before
    changed = {key for key, value in job.built.module.state_dict().items() if not torch.equal(value, old[key])}
    assert changed == job.built.head and job.state.step == 20 and job.averages == []


@pytest.mark.parametrize("steps", [5, 19, 10_001])
def test_a_sweep_of_too_few_steps_is_refused_from_python_as_by_the_command(steps: int, noise: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match=rf"so many steps \(steps\)\n  got: {steps}\n  allowed: 20 to 10000$"):
        lr_find.find_lr(noise, steps=steps, out=tmp_path / "lr.png")
    (given,) = (one.type for one in lr_find_verb.params if one.name == "steps")
    assert (given.min, given.max) == (lr_find.FEWEST, lr_find.MOST)  # pyright: ignore[reportAttributeAccessIssue]


def test_lr_find_needs_data(command: Command):
    done = command("lr-find")
    assert done.code == 2 and "no data" in done.err and "sightline lr-find FOLDER" in done.err


@pytest.mark.parametrize("name", ["one_cycle", "restarts", "milestones"])
def test_schedule_tells_the_rates_that_a_training_takes(command: Command, noise: Path, tmp_path: Path, name: str):
    given = {"train.schedule.name": name, "train.freeze": "3st", "train.lr": 0.01}
    run = train_small(noise, tmp_path / "run", **given).run
    taken = [record["lr"] for record in Run(run.folder).read_records() if record["kind"] == "step"]
    before = command("schedule", noise, *words(**given), "--out", tmp_path / "a.png", "--json")
    after = command("schedule", run.folder, "--out", tmp_path / "b.png", "--json")
    counted = command("schedule", "--samples", 40, *words(**given), "--out", tmp_path / "c.png", "--json")
    for done in (before, after, counted):
        told = json.loads(done.out)
        assert told["lr"] == pytest.approx(taken, rel=1e-12)
        assert {"step": 3, "what": "all layers learn"} in told["events"]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_schedule_prints_a_table_with_what_happens(command: Command, tmp_path: Path):
    more = ["-s", "train.epochs=10", "-s", "data.mixup=0.2", "-s", "data.mix_off_epochs=2", "-s", "train.lr=0.1"]
    done = command("schedule", "--samples", 640, *more, "--out", tmp_path / "s.png")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "cosine, peak 0.1: 200 steps, 10 epochs of 640 images"
    assert any(line.split()[:2] == ["10", "0.50"] and line.endswith("the warm-up ends") for line in lines)
    assert any(line.split()[:2] == ["160", "8.00"] and line.endswith("images are mixed no more") for line in lines)
    assert lines[-2].split()[0] == "199" and lines[-1] == f"picture {tmp_path / 's.png'}"


def test_a_runs_schedule_takes_no_settings(command: Command, digits_run: Path):
    done = command("schedule", digits_run, "-s", "train.lr=1")
    assert done.code == 2 and "a run's schedule is what it was trained with" in done.err
