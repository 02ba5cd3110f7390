"""Faults of loaders and of files of predictions, each tried on real files."""

import numpy as np
import pytest
from PIL import Image

from sightline import predict
from sightline.data.contract import Contract
from sightline.data.read import read
from sightline.errors import SplitError
from small_training import train_small, write_pictures


def test_height_comes_before_width_in_pixels_and_after_it_in_pillow():
    contract = Contract(
        classes=("a", "b"), color="rgb", height=6, width=10, resize="squash", shorter=6,
        interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3,
    )  # fmt: skip
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (31, 47, 3), dtype=np.uint8))
    pixels = contract.pixels(image)
    assert pixels.shape == (6, 10, 3)
    assert np.array_equal(pixels, np.asarray(image.resize((10, 6), Image.Resampling.BILINEAR)))


def test_a_class_has_one_number_in_every_part(tmp_path, image_folder):
    image_folder(tmp_path / "d" / "train", {"cat": 2, "bee": 2, "ant": 2})
    image_folder(tmp_path / "d" / "val", {"ant": 2, "cat": 2, "bee": 1})
    samples = read(tmp_path / "d")
    assert samples.classes == ("ant", "bee", "cat")
    for index, path in enumerate(samples.paths):
        assert samples.classes[samples.labels[index]] == path.split("/")[1]


def test_parts_of_other_classes_are_refused_before_they_are_numbered(tmp_path, image_folder):
    image_folder(tmp_path / "d" / "train", {"ant": 2, "bee": 2, "cat": 2})
    image_folder(tmp_path / "d" / "val", {"ant": 2, "cat": 2})
    with pytest.raises(SplitError, match="val lacks 'bee'"):
        read(tmp_path / "d")


@pytest.mark.parametrize("suffix", [".jpeg", ".JPEG", ".JPG", ".jpg"])
def test_every_spelling_of_jpeg_is_read(tmp_path, image_folder, suffix):
    image_folder(tmp_path / "d", {"ant": 3, "bee": 4}, suffix=suffix)
    assert len(read(tmp_path / "d")) == 7


def test_images_of_one_name_in_two_folders_have_two_rows(tmp_path):
    pictures = write_pictures(tmp_path / "pictures")
    run = train_small(pictures, tmp_path / "run", **{"train.steps": 1}).run
    names = [answer.image_id for answer in predict(run.folder, [pictures])]
    assert len(names) == len(set(names)) == 58
    assert sum(name.endswith("/0.png") for name in names) == 3
