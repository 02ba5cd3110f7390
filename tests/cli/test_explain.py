"""`sightline explain`: a picture for every image, of what speaks for the class that was asked about."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline import explain, predict
from sightline.run import Run
from small_training import train_small

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def sevens(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("some") / "sevens"
    folder.mkdir()
    for path in sorted((digits / "7").iterdir())[:3]:
        shutil.copy(path, folder)
    return folder


def test_every_image_becomes_a_picture_with_its_answer(
    command: Command, digits_run: Path, sevens: Path, tmp_path: Path
):
    done = command("explain", digits_run, sevens, "--out", tmp_path / "maps")
    answers = {answer.image_id: answer for answer in predict(digits_run, sevens)}
    pictures = sorted((tmp_path / "maps").iterdir())
    assert [picture.name for picture in pictures] == sorted(answers)
    assert [line.split("  ")[1] for line in done.out.splitlines()] == [answer.label for answer in answers.values()]
    assert "3 pictures in" in done.err
    for picture in pictures:
        pixels = np.asarray(Image.open(picture))
        half = pixels.shape[1] // 2
        assert not np.array_equal(pixels[20:240, 20:half], pixels[20:240, -(half - 20) :])


def test_another_class_gives_another_map_and_the_same_answer(digits_run: Path, sevens: Path):
    own = next(explain(digits_run, sevens))
    other = next(explain(digits_run, sevens, asked="0" if own.asked != "0" else "1"))
    assert own.answer == other.answer
    assert own.asked == own.answer.label
    assert own.heat.shape == other.heat.shape
    assert not np.array_equal(own.heat, other.heat)
    assert own.picture is None


def test_pictures_have_names_of_their_own_whatever_those_of_the_images(
    command: Command, digits_run: Path, sevens: Path, tmp_path: Path
):
    (tmp_path / "in" / ("deep" * 60)).mkdir(parents=True)
    image = next(iter(sorted(sevens.iterdir())))
    for name in ("a.png", "a.PNG", "-?.png", f"{'deep' * 60}/last.png"):
        shutil.copy(image, tmp_path / "in" / name)
    done = command("explain", digits_run, tmp_path / "in", "--out", tmp_path / "maps")
    names = {path.name for path in (tmp_path / "maps").iterdir()}
    assert done.code == 0 and {"a.png", "a-2.png", "image.png"} < names
    assert [name for name in names if name.endswith("deep-last.png")] and len(names) == 4


def test_json_is_one_document(command: Command, digits_run: Path, sevens: Path, tmp_path: Path):
    done = command("explain", digits_run, sevens, "--class", "7", "--out", tmp_path / "maps", "--json")
    found = json.loads(done.out)
    assert [one["asked"] for one in found] == ["7"] * 3
    assert all(Path(one["picture"]).is_file() for one in found)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--class", "seven"], "the model knows no 'seven' (--class)"),
        (["--part", "all"], "unknown part 'all' (--part)"),
        ([], "no images (PATH)"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(command, digits_run, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    done = command("explain", digits_run.resolve(), *words)
    assert done.code == 2
    assert told in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_network_without_places_says_so(command: Command, digits: Path, tmp_path: Path, sevens: Path):
    changes = {"data.limit": 60, "data.image_size": 8, "train.steps": 2, "train.evaluate": "2st", "train.save": "2st"}
    train_small(digits, tmp_path / "run", model__name="mlp", model__options={}, **changes)
    done = command("explain", tmp_path / "run", sevens, "--out", tmp_path / "maps")
    assert done.code == 1
    assert "no layer of this network has features of several places" in done.err
    assert not (tmp_path / "maps").exists()


def test_the_report_shows_where_the_model_saw_its_wrong_answers(command: Command, digits_run: Path):
    assert command("evaluate", digits_run).code == 0
    assert command("report", digits_run).code == 0
    page = Run(digits_run).report.read_text()
    wrong = page.count('<figure class="mistake">')
    assert wrong > 0
    assert page.count('alt="where the model saw ') == wrong


def test_something_speaks_for_every_answer(digits_run: Path, digits: Path):
    found = list(explain(digits_run, [digits / "3", digits / "8"]))
    assert sum(float(one.heat.max()) > 0.9 for one in found) >= 0.95 * len(found)
