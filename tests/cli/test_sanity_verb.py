"""The verb ``sanity``: what it prints, how it ends, and that it leaves nothing behind, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sightline
from ill_networks import ILL
from small_training import content, environment, words, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("checked") / "pictures")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ill.py").write_text(ILL)
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def test_a_sound_training_ends_with_0_and_with_the_command_that_begins_it(
    command: Callable[..., Any], pictures: Path, here: Path
):
    before = content(here)
    (here / "own.yaml").write_text("train:\n  lr: 0.01\n")
    done = command("sanity", pictures, "-c", "own.yaml", *words(), "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert list(document) == ["findings"]
    assert [one["rule"] for one in document["findings"]][:3] == [
        "sanity.shapes",
        "sanity.preprocessing",
        "sanity.initial_loss",
    ]
    assert {one["severity"] for one in document["findings"]} == {"note"}
    assert f"next: sightline train {pictures} -c own.yaml -s " in done.err
    (here / "own.yaml").unlink()
    assert content(here) == before and not list((here / "temporary").iterdir())


def test_a_fault_ends_with_1_and_says_what_to_do(command: Callable[..., Any], pictures: Path, here: Path):
    done = command("sanity", pictures, *words(**{"model.name": "ill:Mixing", "model.options": None, "train.lr": 0.01}))
    assert done.code == 1
    lines = done.out.splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("error "))
    assert lines[place].split()[:2] == ["error", "batch_mix"]
    assert lines[place + 1].startswith(" ") and lines[place + 1].endswith("see docs/sanity.md#batch_mix")
    assert [line.split()[0] for line in lines if line[0] != " "][:-1] == ["ok"] * 7 + ["error"] + ["ok"] * 2
    assert lines[-1] == "1 error, 0 warnings, 9 of 10 checks ok"
    assert done.err.splitlines()[-1] == "next: mend the errors, then sightline sanity again"
    assert not list((here / "temporary").iterdir())


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["-s", "train.epochz=3"], "unknown setting"),
        (["-s", "model.name=resnet181"], "unknown model"),
        (["-s", "train.loss.gamma=3"], "train.loss.gamma"),
        (["-s", "model.name=ill:nothing"], "has no 'nothing'"),
    ],
)
def test_bad_settings_are_refused_as_train_refuses_them(
    more: list[str], told: str, command: Callable[..., Any], pictures: Path, here: Path
):
    mine, theirs = (command(verb, pictures, *words(**{"model.name": None, "model.options": None}), *more)
                    for verb in ("sanity", "train"))  # fmt: skip
    assert told in mine.err and (mine.code, mine.err) == (theirs.code, theirs.err)
    assert not list((here / "temporary").iterdir()) and not (here / "runs").exists()


def test_no_data_is_told(command: Callable[..., Any], here: Path):
    done = command("sanity")
    assert done.code == 2 and "sightline sanity FOLDER" in done.err
    assert command("sanity", "nowhere").code == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(number: signal.Signals, pictures: Path, here: Path):
    own = environment() | {"TMPDIR": str(here / "temporary"), "PYTHONPATH": os.pathsep.join(sys.path)}
    slow = "import time\n\ndef net(num_classes, in_chans):\n    time.sleep(60)\n"
    (here / "slow.py").write_text(slow)
    line = [*["-m", "sightline", "sanity"], str(pictures), *words(**{"model.name": "slow:net", "model.options": None})]
    process = subprocess.Popen([sys.executable, *line], cwd=here, env=own, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not list((here / "temporary").glob("sightline-sanity-*")) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in told and "Traceback" not in told
    assert not list((here / "temporary").glob("sightline-*"))


def test_it_is_a_function_of_the_package(pictures: Path):
    assert sightline.sanity.__module__ == "sightline.workflow.sanity"
