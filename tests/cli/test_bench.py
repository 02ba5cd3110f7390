"""Where a step's time goes, told for people and for programs; the run stays as it is."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sightline.cli.bench import command
from small_training import content, train_small, write_pictures


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benched")
    pictures = write_pictures(folder / "pictures")
    train_small(pictures, folder / "run", **{"train.steps": 30, "train.evaluate": "100%", "train.save": "100%"})
    return folder / "run"


def test_parts_add_up_to_about_a_step(run: Path):
    before = content(run)
    done = CliRunner().invoke(command, [str(run), "--steps", "8", "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["steps"] == 8 and found["images"] in (6, 7)
    assert list(found["parts"]) == ["data", "forward", "backward", "optimizer", "watching", "rest"]
    assert all(value >= 0 for value in found["parts"].values()) and found["parts"]["forward"] > 0
    assert sum(found["parts"].values()) >= found["step"] * 0.99
    assert found["making"] > 0
    assert content(run) == before


def test_it_says_so_in_words(run: Path):
    done = CliRunner().invoke(command, [str(run), "--steps", "3"], catch_exceptions=False)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("a step of ") and "images/s" in lines[0]
    assert [line.split()[0] for line in lines[1:7]] == ["data", "forward", "backward", "optimizer", "watching", "rest"]
    assert len(lines) >= 9


def test_a_run_of_a_single_step_is_measured_too(run: Path, tmp_path: Path):
    brief = {"train.steps": 1, "train.evaluate": "100%", "train.save": "100%", "train.schedule.warmup": "0st"}
    train_small(run.parent / "pictures", tmp_path / "brief", **brief)
    done = CliRunner().invoke(command, [str(tmp_path / "brief"), "--json"], catch_exceptions=False)
    assert json.loads(done.stdout)["steps"] == 1
