"""Processes that are really killed, and really interrupted."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ranks import Alone
from sightline import resume
from sightline.run import Run
from small_training import LOSS, environment, steps_of, timeless, train_small, words

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kill_resume.py"


@pytest.mark.slow
def test_two_killed_trainings_end_like_the_one_that_was_not():
    """The benchmark's program, with fewer kills and steps."""
    command = [sys.executable, str(BENCHMARK), "--kills", "2", "--steps", "40"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "2 of 2 equal"
    assert re.fullmatch(r"kill 2: in the middle of writing a checkpoint after step \d+ was saved; equal", lines[2])


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGINT", 130)])
def test_a_signal_ends_the_step_saves_and_says_how_to_go_on(
    name: str, code: int, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    changes = {"train.loss.name": "disturbed:loss", "train.steps": 9}
    (tmp_path / "disturbed.py").write_text(LOSS)
    whole = train_small(pictures, tmp_path / "whole", **{"train.steps": 9})
    done = Alone("train", str(pictures), "--run", "run", *words(**changes), SIGHTLINE_TEST_AT=f"5 {name}")
    assert done.end() == code, done.told()
    assert f"interrupted by {name} after 5 steps" in done.told()
    assert "next: sightline resume run" in done.told()
    assert re.fullmatch(r"run run\nweights_sha256 [0-9a-f]{64}\n", done.out())
    assert steps_of(tmp_path / "run") == [1, 2, 3, 4, 5]
    assert resume(tmp_path / "run").weights_sha256 == whole.weights_sha256
    assert timeless(tmp_path / "run") == timeless(tmp_path / "whole")


READER = """
import time
from sightline import read

def slow(path):
    print("reading", flush=True)
    time.sleep(600)
    return read(path)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)], ids=["SIGKILL", "SIGINT"])
def test_a_run_that_was_ended_while_it_read_the_data_is_resumed_from_nothing(
    number: signal.Signals, code: int, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reader.py").write_text(READER)
    process = Alone("train", str(pictures), "--run", "run", *words(**{"data.reader": "reader:slow"}))
    process.wait_for("reading")
    process.signal(number)
    assert process.end() == code
    assert "Traceback" not in process.told()
    assert Run(tmp_path / "run").info()["state"] == "created"
    (tmp_path / "reader.py").write_text(READER.replace("600", "0"))
    assert resume(tmp_path / "run").weights_sha256 == train_small(pictures, tmp_path / "whole").weights_sha256


def test_two_trainings_in_one_folder_at_once_are_refused(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reader.py").write_text(READER)
    process = Alone("train", str(pictures), "--run", "run", *words(**{"data.reader": "reader:slow"}))
    try:
        process.wait_for("reading")
        for arguments, message in (
            (["resume", "run"], "error: run is in use by another process\n  next: wait for it to end"),
            (["train", str(pictures), "--run", "run"], "error: run already holds a run\n  next: sightline resume run"),
        ):
            done = Alone(*arguments)
            assert done.end() == 1
            assert message in done.told()
        assert (tmp_path / "run" / "config.yaml").exists()
    finally:
        process.signal(signal.SIGKILL)
        process.end()
