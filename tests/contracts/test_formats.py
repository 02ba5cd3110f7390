"""Every built-in reader honours the contract that a user's own has to honour."""

import dataclasses
import os
import shutil

import numpy as np
import pytest

from containers import encoded, picture, write_hdf5, write_hub_folder, write_shard
from sightline.data.read import READERS, read
from sightline.data.samples import Names, Samples
from sightline.data.store import Store
from sightline.errors import PlugError
from sightline.testing import check_format
from sightline.workflow.pack import pack_data


def write_folders(folder, image_folder):
    return image_folder(folder / "animals", {"cat": 3, "dog": 2}, parts=("train", "val"))


def write_archive(folder, image_folder):
    return shutil.make_archive(str(folder / "animals"), "gztar", write_folders(folder, image_folder))


def write_csv(folder, image_folder):
    image_folder(folder, {"p": 4})
    rows = [f"p/{number}.png,{'cat' if number % 2 else 'dog'},train,g{number // 2},0.5" for number in range(4)]
    (folder / "data.csv").write_text("\n".join(["path,label,split,group,weight", *rows]))
    return folder / "data.csv"


def write_arrays(folder, image_folder):
    np.savez(folder / "a.npz", images=np.stack([picture(k) for k in range(4)]), labels=[0, 1, 1, 0])
    return folder / "a.npz"


def write_hdf5_groups(folder, image_folder):
    sets = {"train/images": [encoded(k) for k in range(3)], "train/labels": [0, 1, 0]}
    return write_hdf5(folder / "a.h5", sets | {"val/images": [encoded(9), encoded(8)], "val/labels": [1, 0]})


def write_packed(to):
    def write(folder, image_folder):
        pack_data(str(write_csv(folder, image_folder)), to=to, out=folder / "packed")
        return folder / "packed"

    return write


def write_saved(folder, image_folder):
    return write_hub_folder(folder / "saved", {"train": [0, 1, 1], "validation": [1, 0]})


DATA = {
    "folders": write_folders,
    "archive": write_archive,
    "csv": write_csv,
    "npz": write_arrays,
    "hdf5": write_hdf5_groups,
    "lmdb": write_packed("lmdb"),
    "huggingface": write_saved,
    "webdataset": write_packed("webdataset"),
}


@pytest.mark.parametrize("name", READERS)
def test_built_in_readers(tmp_path, image_folder, idx_pair, name):
    idx_pair(tmp_path / "idx", "train-", [0, 1, 1, 0])
    path = DATA[name](tmp_path, image_folder) if name in DATA else tmp_path / name
    samples = check_format(lambda place: read(place, name), path)
    assert len(samples) >= 4 and len(samples.classes) == 2
    assert read(path).format == samples.format == name or name == "archive"


def test_scanned_shards_and_mapped_arrays_honour_it_too(tmp_path):
    for part in ("train", "val"):
        write_shard(tmp_path / "shards" / f"{part}-0.tar", ["cat", "dog"])
    assert len(check_format(read, tmp_path / "shards")) == 4
    (tmp_path / "mapped").mkdir()
    np.save(tmp_path / "mapped" / "x.npy", np.zeros((3, 5, 4), np.uint8))
    np.save(tmp_path / "mapped" / "y.npy", np.asarray([0, 1, 1]))
    assert len(check_format(read, tmp_path / "mapped")) == 3


class Forgetful(Store):
    """Gives other bytes to every process."""

    def __len__(self):
        return 2

    def read(self, row):
        return b"%d" % os.getpid()

    def state(self, row):
        return 0, 0


def broken(**changes):
    plain = Samples.from_arrays(np.zeros((2, 4, 4), np.uint8), ["cat", "dog"])
    return lambda path: dataclasses.replace(plain, **changes)


def restless(path):
    return broken(weights=np.random.default_rng().random(2, np.float32))(path)


@pytest.mark.parametrize(
    ("reader", "clause"),
    [
        (lambda path: None, r"returns Samples\n  got: NoneType"),
        (broken(labels=np.array([0, 2], np.int32)), r"gives labels that are places in classes, or -1\n  got: rows 1"),
        (broken(parts=np.array([3, 0], np.int8)), "gives parts that are places in PARTS, or UNASSIGNED\n  got: rows 0"),
        (broken(classes=("cat", "cat")), "gives classes with unique names that are not empty\n  got: cat, cat"),
        (broken(classes=("cat", "")), "gives classes with unique names that are not empty"),
        (broken(paths=Names.of(["a", "a"])), "gives every sample a path of its own\n  got: a"),
        (broken(pixels=None), "gives paths of files that exist\n  got: array#0, array#1"),
        (broken(weights=np.array([1, np.nan], np.float32)), "gives weights that are finite and not negative"),
        (broken(groups=np.array([0, 0], np.int32)), "gives groups that are places in group_names"),
        (broken(pixels=None, store=Forgetful()), "gives each sample its row in the store"),
        (broken(pixels=None, store=Forgetful(), rows=np.array([0, 2])), r"gives rows of the store\n  got: 0 to 2 of 2"),
        (restless, "gives the same samples when"),
        (lambda path: broken(classes=())(path).take(np.arange(0)), "finds images"),
    ],
)
def test_a_broken_clause_is_named(tmp_path, reader, clause):
    with pytest.raises(PlugError, match="broken contract: a reader " + clause):
        check_format(reader, tmp_path)


def test_a_store_that_differs_between_processes_is_named(tmp_path):
    rows = np.array([0, 1])
    with pytest.raises(PlugError, match="broken contract: a store reads a row alike again, as a pickled copy"):
        check_format(broken(pixels=None, store=Forgetful(), rows=rows), tmp_path)
