"""HDF5: pixels and encoded images, parts as groups, read image by image in any process."""

import numpy as np
import pytest

from containers import encoded, picture, write_hdf5
from sightline.data.contract import Contract
from sightline.data.derive import image_of
from sightline.data.loader import Pieces, evaluation_pieces, load
from sightline.data.read import read
from sightline.data.scan import scan
from sightline.data.transforms import Evaluation
from sightline.errors import DataError, ImageError, MissingExtra

PIXELS = np.stack([picture(row) for row in range(4)])


def test_pixels_with_class_names_in_an_attribute(tmp_path):
    sets = {"images": PIXELS, "labels": [0, 1, 1, 0]}
    samples = read(write_hdf5(tmp_path / "a.h5", sets, {"classes": ["cat", "dog"]}))
    assert samples.format == "hdf5" and samples.classes == ("cat", "dog") and samples.paths[1] == "images#000001"
    assert all(np.array_equal(image_of(samples, row), PIXELS[row]) for row in range(4))
    assert scan(samples).rows["width"].tolist() == [8] * 4


def test_encoded_images_in_groups_with_labels_in_words(tmp_path):
    sets = {"train/x": [encoded(row) for row in range(3)], "train/y": ["dog", "cat", "cat"]}
    samples = read(
        write_hdf5(tmp_path / "a.hdf5", sets | {"test/x": [encoded(8), encoded(9)], "test/y": ["dog", "cat"]})
    )
    assert samples.parts.tolist() == [2, 2, 0, 0, 0] or samples.parts.tolist() == [0, 0, 0, 2, 2]
    row = int(samples.part("test")[1])
    assert (
        np.array_equal(np.asarray(image_of(samples, row)), picture(9)) and samples.classes[samples.labels[row]] == "cat"
    )
    assert scan(samples).faults == {}


def test_workers_read_it_after_the_parent_did(tmp_path):
    samples = read(write_hdf5(tmp_path / "a.h5", {"images": PIXELS, "labels": [0, 1, 1, 0]}))
    image_of(samples, 0)
    plain = {"height": 6, "width": 8, "resize": "squash", "shorter": 6, "interpolation": "bilinear"}
    own = Contract(classes=samples.classes, color="rgb", mean=(0.5,) * 3, std=(0.5,) * 3, **plain)
    for workers in (0, 2):
        batches = load(Pieces(samples, Evaluation(own), 0), evaluation_pieces(np.arange(4), 1), workers)
        assert np.array_equal(np.concatenate([batch.pixels.numpy() for batch in batches]), PIXELS)
        image_of(samples, 1)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"images": PIXELS / np.float32(255), "labels": [0, 1, 1, 0]}, r"'images' does not hold images .*\n  got: fl"),
        ({"images": ["a", "b"], "labels": [0, 1]}, r"'images' does not hold encoded images .*\n  got: .* text"),
        ({"images": PIXELS, "labels": [0, 1]}, r"4 images in images, 2 labels in labels"),
        ({"train/images": PIXELS, "labels": [0, 1, 1, 0]}, r"no labels for train/images"),
        ({"labels": [0, 1, 1, 0]}, r"no array of images"),
    ],
)  # fmt: skip
def test_faults_are_named(tmp_path, sets, message):
    with pytest.raises(DataError, match=message):
        read(write_hdf5(tmp_path / "a.h5", sets))


def test_a_cut_file_and_one_that_is_none(tmp_path):
    path = write_hdf5(tmp_path / "a.h5", {"images": PIXELS, "labels": [0, 1, 1, 0]})
    samples = read(path)
    whole = path.read_bytes()
    for raw in (whole[:900], b"no such thing"):
        path.write_bytes(raw)
        with pytest.raises(DataError, match=r"a.h5 is no HDF5 file that can be read .*\n  got: .*\n  next: write or"):
            read(path)
    with pytest.raises(ImageError, match=r"cannot open .*a\.h5"):
        image_of(samples, 0)
    assert set(scan(samples).faults) == {0, 1, 2, 3}


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    path = write_hdf5(tmp_path / "a.h5", {"images": PIXELS, "labels": [0, 1, 1, 0]})
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r'h5py is not installed .*\n  next: pip install "sightline\[hdf5\]"'):
        read(path)
