"""``check`` with a run lists labels that it disbelieves; with a model and weights, images unlike their class."""

import io
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from sightline.data.split import read_split
from sightline.errors import ConfigError
from sightline.workflow.check import check_data
from sightline.workflow.train import train_run

WEIGHTS = "weights/mobilenetv2_035-imagenet-backbone-timm.pth"


def unpack(archive, folder, wanted, size=(128, 96)):
    """Photos of an archive whose names are wanted, smaller."""
    with zipfile.ZipFile(archive) as file:
        for name in sorted(file.namelist()):
            target = wanted(name)
            if target:
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                Image.open(io.BytesIO(file.read(name))).convert("RGB").resize(size).save(folder / target)


def first(label, count):
    names = {f"trashnet/{label}/{label}{number}.jpg": f"{label}/{number}.jpg" for number in range(1, count + 1)}
    return names.get


def test_a_cat_among_cardboard_is_found(shared_data, tmp_path):
    for label in ("paper", "cardboard"):
        unpack(shared_data / "trashnet-384x288.zip", tmp_path, first(label, 80))
    shutil.copy(shared_data / "photos" / "chelsea.png", tmp_path / "cardboard" / "foreign.png")
    settings = ["model.name=mobilenetv2_035", f"model.weights={shared_data / WEIGHTS}", "data.image_size=128"]
    found = [finding for finding in check_data(str(tmp_path), settings=settings) if "embedding" in finding.rule]
    assert found[0].paths[0] == "cardboard/foreign.png", "the farthest of all"
    assert sum(len(finding.paths) for finding in found) <= 5


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"train_too": True}, "--train-too has no effect without a run"),
        ({"settings": ["model.name=cnn"]}, "a model and its weights"),
        ({"settings": ["model.weights=x.pt"]}, "a model and its weights"),
    ],
)
def test_half_a_question_is_refused(tmp_path, image_folder, asked, message):
    folder = image_folder(tmp_path, {"cat": 3, "dog": 3})
    with pytest.raises(ConfigError, match=message):
        check_data(str(folder), **asked)


def test_a_run_is_asked_about_what_it_was_not_trained_on(tmp_path, bright_and_dark):
    data, run = bright_and_dark
    own = check_data(str(data), run=run)
    copied = tmp_path / "other"
    shutil.copytree(data, copied)
    split = read_split(run / "split.csv")
    rows = list(zip(split.paths, split.parts, strict=True))
    unseen = next(path for path, part in rows if part != "train" and path.startswith("dark"))
    seen = [path for path, part in rows if part == "train" and path.startswith("dark")][:5]
    (copied / unseen).rename(copied / "bright" / "wrong.png")
    for number, path in enumerate(seen):
        (copied / path).rename(copied / "bright" / f"learnt{number}.png")
    found = [finding for finding in check_data(str(copied), run=run) if finding.rule == "labels.suspect"]
    assert [finding.paths for finding in found] == [("bright/wrong.png",)]
    assert found[0].evidence["likely"] == "dark" and found[0].evidence["out_of_sample"]
    assert not [finding for finding in own if finding.rule == "labels.suspect"]
    too = check_data(str(copied), run=run, train_too=True)
    blind = {one.paths[0]: one.evidence["out_of_sample"] for one in too if one.rule == "labels.suspect"}
    assert blind.pop("bright/wrong.png") and blind and not any(blind.values())
    assert all(path.startswith("bright/learnt") for path in blind)


@pytest.fixture
def bright_and_dark(tmp_path):
    """A folder that is learnt in a moment, and a run on it."""
    random = np.random.default_rng(0)
    for label, level in (("bright", 150), ("dark", 30)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(30):
            pixels = random.integers(level, level + 70, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    settings = ["train.steps=30", "train.precision=fp32", "train.layout=contiguous", "train.threads=1"]
    train_run(str(tmp_path / "data"), settings=settings, run=tmp_path / "run")
    return tmp_path / "data", tmp_path / "run"
