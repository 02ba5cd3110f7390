"""`sightline predict`: an answer for every image that can be read, and a row for every one that cannot."""

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline import predict
from sightline.data.split import read_split
from small_training import train_small, write_pictures

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_predict.py"
Command = Callable[..., Any]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def truth(run: Path, part: str) -> dict[str, str]:
    frozen = read_split(run / "split.csv")
    return {
        path: label for path, label, own in zip(frozen.paths, frozen.labels, frozen.parts, strict=True) if own == part
    }


def test_equal_base_names_in_two_folders_stay_two_rows(
    command: Command, digits: Path, digits_run: Path, tmp_path: Path
):
    for folder, digit in (("one", "1"), ("two/deep", "7")):
        (tmp_path / "given" / folder).mkdir(parents=True)
        shutil.copy(min((digits / digit).iterdir()), tmp_path / "given" / folder / "same.png")
    done = command("predict", digits_run, tmp_path / "given")
    assert [row["image_id"] for row in rows(done.out)] == ["one/same.png", "two/deep/same.png"]
    both = command("predict", digits_run, tmp_path / "given" / "one", tmp_path / "given" / "two" / "deep" / "same.png")
    assert [row["image_id"] for row in rows(both.out)] == [
        str(tmp_path / "given" / "one" / "same.png"), str(tmp_path / "given" / "two" / "deep" / "same.png")
    ]  # fmt: skip
    assert [row["label"] for row in rows(both.out)] == [row["label"] for row in rows(done.out)]


def test_a_prediction_is_a_label_with_its_probability(command: Command, digits: Path, digits_run: Path):
    done = command("predict", digits_run, digits / "3", "--json")
    answers = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert len(answers) == len(list((digits / "3").iterdir()))
    assert set(answers[0]) == {"image_id", "label", "confidence", "error"}
    assert {answer["label"] for answer in answers} <= {str(digit) for digit in range(10)}
    assert all(0.1 <= answer["confidence"] <= 1 for answer in answers)


def test_unreadable_images_cost_the_others_nothing(command: Command, digits: Path, digits_run: Path, tmp_path: Path):
    given = tmp_path / "given"
    shutil.copytree(digits / "5", given)
    good = len(list(given.iterdir()))
    (given / "empty.png").touch()
    (given / "torn.png").write_bytes(min((digits / "5").iterdir()).read_bytes()[:60])
    (given / "words.jpg").write_text("these are words")
    out = tmp_path / "pred.csv"
    done = command("predict", digits_run, given, "--out", out)
    assert done.code == 2
    assert len(rows(out.read_text())) == good
    errors = {row["image_id"]: row["error"] for row in rows((tmp_path / "pred.errors.csv").read_text())}
    assert errors.keys() == {"empty.png", "torn.png", "words.jpg"}
    assert errors["empty.png"] == "empty.png is empty: 0 bytes"
    assert errors["words.jpg"] == "words.jpg is not an image: 15 bytes that no decoder knows"
    assert f"error: 3 of {good + 3} images could not be decoded, listed in {tmp_path / 'pred.errors.csv'}" in done.err
    for name in errors:
        (given / name).unlink()
    assert command("predict", digits_run, given, "--out", out).code == 0
    assert not (tmp_path / "pred.errors.csv").exists()


@pytest.fixture
def as_nobody(tmp_path: Path) -> Callable[[bool], None]:
    """Lets this process be a user without rights for a while, where it has them all."""
    top = Path(tempfile.gettempdir()).resolve()
    open_to_all = [folder for folder in (tmp_path, *tmp_path.parents) if top in folder.resolve().parents]

    def change(wanted: bool) -> None:
        if os.getuid() != 0:
            return
        if wanted:
            for folder in open_to_all:
                folder.chmod(0o755)
        os.seteuid(65534 if wanted else 0)

    return change


def test_images_of_more_pixels_than_the_training_allowed_are_not_decoded(tmp_path: Path):
    pictures = write_pictures(tmp_path / "pictures", side=20)
    train_small(pictures, tmp_path / "run", **{"data.max_pixels": 1_000})
    (tmp_path / "asked").mkdir()
    for name, side in (("small", 30), ("large", 40)):
        Image.new("RGB", (side, side)).save(tmp_path / "asked" / f"{name}.png")
    large, small = predict(tmp_path / "run", [tmp_path / "asked"])
    assert small.label and not small.error
    assert large.error == "large.png has too many pixels: 40 x 40 pixels, more than 1,000"


def test_an_image_without_read_permission_is_listed_and_a_folder_is_refused(
    command: Command, digits: Path, digits_run: Path, tmp_path: Path, as_nobody: Callable[[bool], None]
):
    given = tmp_path / "given"
    shutil.copytree(digits / "5", given / "in")
    secret = min((given / "in").iterdir())
    shutil.copytree(digits_run, tmp_path / "run")
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    command("predict", digits_run, given)  # what is loaded on first use is loaded
    secret.chmod(0)
    as_nobody(True)
    try:
        done = command("predict", tmp_path / "run", given, "--out", tmp_path / "out" / "pred.csv")
    finally:
        as_nobody(False)
    assert done.code == 2, done.err
    assert f"no answer for in/{secret.name}: cannot read in/{secret.name}: Permission denied" in done.err
    (given / "in").chmod(0)
    as_nobody(True)
    try:
        refused = command("predict", tmp_path / "run", given)
    finally:
        as_nobody(False)
        (given / "in").chmod(0o755)
    assert refused.code == 1
    assert f"error: cannot read the folder {given / 'in'}" in refused.err
    assert "Permission denied" in refused.err


def test_the_grid_shows_the_images(command: Command, digits: Path, digits_run: Path, tmp_path: Path):
    done = command("predict", digits_run, digits / "0", "--grid", tmp_path / "pred.png", "--out", tmp_path / "pred.csv")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "pred.png") as picture:
        assert min(np.asarray(picture.convert("RGB")).std(axis=(0, 1))) > 10
        assert min(picture.size) > 200


def test_a_grid_of_nothing_is_no_other_error(command: Command, digits_run: Path, tmp_path: Path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    done = command("predict", digits_run, tmp_path / "bad.png", "--grid", tmp_path / "pred.png")
    assert done.code == 2 and f"no picture {tmp_path / 'pred.png'}: no image could be decoded" in done.err
    assert not (tmp_path / "pred.png").exists()


def test_links_are_followed_and_strays_are_not(command: Command, digits: Path, digits_run: Path, tmp_path: Path):
    (tmp_path / "given" / "@eaDir").mkdir(parents=True)
    (tmp_path / "given" / "link").symlink_to(digits / "0")
    (tmp_path / "given" / "@eaDir" / "thumb.png").write_bytes(next((digits / "0").iterdir()).read_bytes())
    done = command("predict", digits_run, tmp_path / "given", "--json")
    found = [answer["image_id"] for answer in json.loads(done.out)]
    assert found == sorted(f"link/{path.name}" for path in (digits / "0").iterdir())


def test_a_part_of_image_files_is_refused(command: Command, digits: Path, digits_run: Path):
    one = next((digits / "0").iterdir())
    done = command("predict", digits_run, one, "--part", "test")
    assert done.code == 2 and done.out == ""
    assert f"--part has no effect: an image file belongs to no part (--part)\n  got: {one}" in done.err


def test_predict_without_anything_to_predict_says_what_to_give(command: Command, digits_run: Path, tmp_path: Path):
    done = command("predict", digits_run)
    assert done.code == 2
    assert "error: no images (PATH)\n  next: give images, folders, or --part of the run's data" in done.err
    done = command("predict", digits_run, tmp_path / "nowhere", "--out", tmp_path / "pred.csv")
    assert done.code == 1
    assert f"error: {tmp_path / 'nowhere'} does not exist (PATH)" in done.err
    assert not list(tmp_path.glob("*.csv"))
    (tmp_path / "bare").mkdir()
    assert command("predict", digits_run, tmp_path / "bare").code == 1
