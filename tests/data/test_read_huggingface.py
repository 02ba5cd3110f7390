"""Hugging Face data sets, as ``save_to_disk`` writes them; a fetch that is refused is told in our words."""

import pickle

import datasets
import numpy as np
import pytest

from containers import encoded, picture, write_hub_folder
from sightline.data.derive import image_of
from sightline.data.read import read
from sightline.data.scan import scan
from sightline.errors import DataError, ImageError, MissingExtra


def test_splits_class_names_and_our_own_decoding(tmp_path):
    path = write_hub_folder(tmp_path / "saved", {"train": [1, 0, 1], "validation": [0, 1], "test": [1, 0]})
    samples = read(path)
    assert samples.format == "huggingface" and samples.classes == ("cat", "dog")
    assert {part: samples.labels[samples.part(part)].tolist() for part in ("train", "val", "test")} == {
        "train": [1, 0, 1], "val": [0, 1], "test": [1, 0],
    }  # fmt: skip
    row = int(samples.part("val")[1])
    assert samples.paths[row] == "validation/000001" and samples.content(row) == encoded(101)
    assert np.array_equal(np.asarray(image_of(pickle.loads(pickle.dumps(samples)), row)), picture(101))
    assert scan(samples).faults == {} and scan(samples).rows["height"].tolist() == [6] * 7


def test_a_single_table_is_left_to_the_split(tmp_path):
    samples = read(write_hub_folder(tmp_path / "saved", {"": [1, 0, 1, 0]}))
    assert samples.parts.tolist() == [-1] * 4 and samples.paths[2] == "all/000002"


def test_images_by_path_and_rows_that_were_chosen(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(encoded(number))
    table = datasets.Dataset.from_dict(
        {"picture": [str(tmp_path / f"{number}.png") for number in range(4)], "label": ["dog", "cat", "dog", "cat"]},
        features=datasets.Features({"picture": datasets.Image(), "label": datasets.Value("string")}),
    ).select([3, 0])
    table.save_to_disk(str(tmp_path / "saved"))
    samples = read(tmp_path / "saved")
    assert samples.classes == ("cat", "dog") and samples.labels.tolist() == [0, 1]
    assert np.array_equal(np.asarray(image_of(samples, 0)), picture(3))


def test_damaged_images_are_named_like_any_others(tmp_path):
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    images = [{"bytes": encoded(0), "path": None}, {"bytes": encoded(1)[:90], "path": None}]
    table = datasets.Dataset.from_dict({"image": images, "label": [0, 1]}, features=features)
    table.save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(ImageError, match=r"all/000001 cannot be decoded\n  got: the file is truncated"):
        image_of(read(tmp_path / "saved"), 1)


def test_columns_that_could_be_anything(tmp_path):
    table = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    table.save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(DataError, match=r"not clear which columns .*\n  got: text \(Value\), label \(Value\)\n"):
        read(tmp_path / "saved")


def test_a_damaged_folder(tmp_path):
    path = write_hub_folder(tmp_path / "saved", {"": [1, 0]})
    next(path.glob("*.arrow")).write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"cannot read the data set .*\n  got: .*\n  next: write it again with save_to"):
        read(path)


def test_a_fetch_that_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError) as error:
        read("hf:nobody/nothing")
    lines = str(error.value).splitlines()
    assert lines[0] == "cannot fetch the data set hf:nobody/nothing (data.path)"
    assert lines[1].startswith("  got: ") and lines[2].startswith("  next: check the name and the network, or fetch it")
    assert not any(tmp_path.iterdir())


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r'datasets is not installed .*\n  next: pip install "sightline\[hug'):
        read("hf:nobody/nothing")
