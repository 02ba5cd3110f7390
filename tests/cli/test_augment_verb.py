"""``sightline augment`` prints what is active, writes the picture, and says how to train with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from small_training import words

Command = Callable[..., Any]


def test_it_prints_the_steps_and_writes_the_picture(command: Command, noise: Path, tmp_path: Path):
    out = tmp_path / "grid.png"
    own = ["-s", "data.augment=[pad_crop, {rotation: {degrees: 15}}]"]
    done = command("augment", noise, *own, "-s", "data.symmetric.rotation90=[[ant, bee]]", "--images", 2, "--out", out)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "augmentation your own steps",
        "  resize               as in evaluation: squash",
        "  pad_crop             share 0.125, border edge",
        "  rotation             degrees 15, border edge",
        f"picture {out}: 2 images, as in evaluation and in epochs 1 to 6",
    ]
    assert "warning" not in done.err and f"next: sightline train {noise} -s 'data.augment=" in done.err
    with Image.open(out) as picture:
        assert picture.width > 1000


def test_it_warns_of_told_classes_as_training_does(command: Command, noise: Path, tmp_path: Path):
    own = ["-s", "data.augment=[rotation90]", "-s", "data.symmetric.rotation180=[[ant, bee]]"]
    told = "warning: rotation90 turns images by about 180 degrees, and data.symmetric says that this turns 'ant' and"
    assert told in command("augment", noise, *own, "--images", 1, "--out", tmp_path / "grid.png").err
    done = command("train", noise, *own, *words(train__steps=1), "--run", tmp_path / "run")
    assert done.code == 0 and told in done.err


def test_a_folder_that_cannot_be_written_is_told(command: Command, noise: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    done = command("augment", noise, "--images", 1, "--out", tmp_path / "file" / "grid.png")
    assert done.code == 1 and "error: " in done.err and "grid.png" in done.err
