"""``check`` on the command line, and what a training does with what it finds."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from small_training import content, words

Command = Callable[..., Any]


@pytest.fixture
def data(noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(noise, tmp_path / "data"))


@pytest.fixture
def leaky(tmp_path: Path, image_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Parts that share a picture."""
    monkeypatch.chdir(tmp_path)
    root = image_folder(tmp_path / "leaky", {"cat": 6, "dog": 6}, parts=("train", "val", "test"))
    shutil.copy(root / "test" / "cat" / "1.png", root / "train" / "cat" / "copy.png")
    return root


def test_results_lie_in_a_folder_and_no_image_is_changed(command: Command, data: Path):
    (data / "ant" / "<b>zero.png").touch()
    Image.new("RGB", (12, 12), "red").save(data / "bee" / "red.png")
    before = content(data)
    done = command("check", data)
    assert done.code == 1
    assert "results check/check.html" in done.out and "1 error, 1 warning, 0 notes" in done.out
    assert "next: look at check/check.html; sightline train" in done.err
    assert content(data) == before
    assert sorted(path.name for path in Path("check").iterdir()) == ["check.html", "check.json", "quarantine.csv"]
    page = Path("check/check.html").read_text()
    assert "&lt;b&gt;zero.png" in page and "<b>zero" not in page
    assert page.count("data:image/png;base64,") == 1, "the picture of red.png"
    document = json.loads(Path("check/check.json").read_text())
    assert document["statistics"]["images"] == len(list(data.rglob("*.png")))
    assert "ant/<b>zero.png,files.empty,error" in Path("check/quarantine.csv").read_text()


def test_json_writes_files_only_where_asked(command: Command, data: Path, tmp_path: Path):
    done = command("check", data, "--json")
    assert done.code == 0 and {"findings", "statistics"} == set(json.loads(done.out))
    assert not Path("check").exists()
    done = command("check", data, "--json", "--out", tmp_path / "other")
    assert json.loads(done.out) == json.loads((tmp_path / "other" / "check.json").read_text())


def test_results_never_lie_inside_the_data(command: Command, data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(data)
    before = content(data)
    done = command("check", ".")
    assert done.code == 2 and "the results would lie inside the data" in done.err and "--out ../check" in done.err
    assert content(data) == before


def test_settings_that_a_check_does_not_heed_are_refused(command: Command, data: Path):
    done = command("check", data, "-s", "data.check=off", "-s", "train.lr=1")
    assert done.code == 2 and "data.check, train.lr have no effect: " in done.err
    done = command("check", data, "-s", "model.drop_path=0.5")
    told = "model.drop_path has no effect: a check without model.name and model.weights asks no model"
    assert done.code == 2 and told in done.err and "allowed: task.name, data.targets, data.reader" in done.err


def test_a_data_set_that_cannot_be_used_is_a_finding(command: Command, data: Path, tmp_path: Path):
    (tmp_path / "data.csv").write_text("path,label\ndata/ant/0.png,ant\ndata/bee/nowhere.png,bee\n")
    done = command("check", "data.csv", "--json")
    assert done.code == 1
    [finding] = json.loads(done.out)["findings"]
    assert finding["severity"] == "error" and "1 of 2 files in data.csv are missing" in finding["message"]
    assert command("check", "nowhere").code == 1 and not Path("check").exists()


def test_a_training_refuses_a_leak_unless_told_otherwise(command: Command, leaky: Path, tmp_path: Path):
    run, brief = tmp_path / "run", words(**{"train.steps": 2})
    done = command("train", leaky, "--run", run, *brief)
    assert done.code == 1 and not run.exists()
    assert "error: duplicates.across_parts: 1 picture is there in two parts or more" in done.err
    assert "data.exclude=check/quarantine.csv" in done.err and "data.check=warn" in done.err
    assert command("split", leaky).code == 1
    done = command("train", leaky, "--run", tmp_path / "warned", *brief, "-s", "data.check=warn")
    assert done.code == 0 and "error: 1 picture is there in two parts" in done.err
    [noted] = json.loads((tmp_path / "warned" / "run.json").read_text())["findings"]
    assert noted.startswith("error: 1 picture") and noted.endswith("(duplicates.across_parts)")
    done = command("train", leaky, "--run", tmp_path / "off", *brief, "-s", "data.check=off")
    assert done.code == 0 and "two parts" not in done.err


def test_the_quarantine_is_left_out_and_stays_out(command: Command, leaky: Path, tmp_path: Path):
    assert command("check", leaky).code == 1
    exclude = "data.exclude=check/quarantine.csv"
    assert command("check", leaky, "-s", exclude, "--out", tmp_path / "again").code == 0
    run = tmp_path / "run"
    done = command("train", leaky, "--run", run, *words(**{"train.steps": 2}), "-s", exclude)
    assert done.code == 0, done.err
    assert f"left out 1 image that {tmp_path}/check/quarantine.csv names" in done.err
    split = (run / "split.csv").read_text()
    assert "train/cat/copy.png" not in split and "test/cat/1.png" in split
    told = json.loads((run / "run.json").read_text())["excluded"]
    assert told["count"] == 1 and len(told["sha256"]) == 64 and told["file"] == str(tmp_path / "check/quarantine.csv")
    Path("check/quarantine.csv").unlink()
    assert command("resume", run).code == 0, "what was left out is frozen in split.csv"
    assert command("evaluate", run).code == 0
    done = command("split", leaky, "-s", exclude)
    assert done.code == 1 and "data.exclude" in done.err


def test_a_limit_on_pixels_that_arrays_do_not_have(
    command: Command, tmp_path: Path, idx_pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    idx_pair(tmp_path / "idx", "train-", [0, 1] * 10)
    done = command("check", tmp_path / "idx", "-s", "data.max_pixels=100")
    assert done.code == 2 and "data.max_pixels has no effect" in done.err
