"""What ``read`` takes a path for, and the user's own readers."""

import shutil

import numpy as np
import pytest

from sightline.data.read import READERS, read
from sightline.errors import DataError, PlugError


def test_a_folder_with_one_table_and_no_class_folders_is_a_csv(tmp_path, image_folder):
    image_folder(tmp_path, {"images": 2})
    (tmp_path / "labels.csv").write_text("image_id,label\nimages/0.png,cat\nimages/1.png,dog\n")
    (tmp_path / "about.csv").write_text("author,year\nann,2020\n")
    samples = read(tmp_path)
    assert samples.format == "csv" and samples.classes == ("cat", "dog")


def test_class_folders_win_over_a_table_beside_them(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "labels.csv").write_text("path,label\ncat/0.png,x\ndog/0.png,y\n")
    samples = read(tmp_path)
    assert samples.format == "folders" and samples.ignored == ("labels.csv",)


def test_two_tables_are_not_guessed_between(tmp_path, image_folder):
    image_folder(tmp_path, {"images": 2})
    for name in ("a.csv", "b.tsv"):
        (tmp_path / name).write_text("path,label\nimages/0.png,cat\nimages/1.png,dog\n")
    with pytest.raises(DataError, match=r"several tables could be the data set .*\n  got: a.csv, b.tsv"):
        read(tmp_path)


def test_idx_files_and_tables_in_an_archive_and_one_folder_down(tmp_path, image_folder, idx_pair):
    idx_pair(tmp_path / "one" / "digits", "train-", [0, 1, 1, 0])
    assert read(tmp_path / "one").format == "idx"
    archive = shutil.make_archive(str(tmp_path / "digits"), "zip", tmp_path / "one")
    assert read(archive).format == "idx"
    image_folder(tmp_path / "two" / "photos", {"images": 2})
    (tmp_path / "two" / "photos" / "l.csv").write_text("path,label\nimages/0.png,cat\nimages/1.png,dog\n")
    archive = shutil.make_archive(str(tmp_path / "photos"), "gztar", tmp_path / "two")
    assert read(archive).format == "csv"


def test_a_path_that_is_missing(tmp_path, image_folder):
    image_folder(tmp_path / "animals", {"cat": 1, "dog": 1})
    with pytest.raises(DataError, match=r"animalz does not exist \(data.path\)\n  next: did you mean 'animals'\?"):
        read(tmp_path / "animalz")


def test_a_file_that_nothing_reads(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1})
    with pytest.raises(DataError, match=r"no reader for 0.png .*\n  .*\n  next: give the folder that holds the class"):
        read(tmp_path / "cat" / "0.png")
    (tmp_path / "data.parquet").write_text("x")
    with pytest.raises(DataError, match=r"no reader for data.parquet .*\n  allowed: a folder, .zip, .tar, .tar.gz"):
        read(tmp_path / "data.parquet")


def test_the_reader_can_be_named(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1})
    for name in ("auto", "folders"):
        assert read(tmp_path, name).format == "folders"
    with pytest.raises(
        PlugError, match=r"unknown reader 'folder' \(data.reader\)\n  allowed: archive, csv, folders, hdf5"
    ):
        read(tmp_path, "folder")
    files = {"folders", "archive", "csv"}
    assert set(READERS) == files | {"idx", "npz", "hdf5", "lmdb", "huggingface", "webdataset"}


READER = """
import numpy as np
from sightline.data.samples import Samples

def good(path):
    return Samples.from_arrays(np.load(path), ["cat", "dog"])

def fails(path):
    return {}["images"]

def nothing(path):
    return None

def wild(path):
    import dataclasses
    return dataclasses.replace(good(path), labels=np.array([0, 2], np.int32))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "my_reader.py").write_text(READER)
    np.save(tmp_path / "pixels.npy", np.zeros((2, 4, 5), np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pixels.npy"


def test_the_users_own_reader(own):
    samples = read(own, "my_reader:good")
    assert samples.classes == ("cat", "dog") and samples.pixels is not None and samples.pixels.shape == (2, 4, 5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", r"the reader my_reader:fails failed \(data.reader\)\n  got: KeyError: 'images'"),
        ("nothing", r"the reader my_reader:nothing does not return Samples \(data.reader\)\n  got: NoneType"),
        ("wild", r"my_reader:wild gives labels outside its classes .*\n  got: 0 to 2\n  allowed: 0 to 1"),
        ("godo", r"'my_reader' has no 'godo' \(data.reader\)"),
    ],
)
def test_faults_of_the_users_own_reader(own, name, message):
    with pytest.raises(PlugError, match=message):
        read(own, f"my_reader:{name}")
