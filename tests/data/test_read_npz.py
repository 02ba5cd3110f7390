"""NumPy arrays: the usual names, parts, shapes; and what is wrong with others is said."""

import numpy as np
import pytest

from sightline.data.derive import image_of
from sightline.data.read import read
from sightline.data.scan import hash_of, scan
from sightline.errors import DataError, SplitError


def pictures(count, shape=(6, 5), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def test_the_names_that_keras_writes(tmp_path):
    train, held = pictures(4), pictures(2, seed=1)
    np.savez(tmp_path / "mnist.npz", x_train=train, y_train=[0, 1, 1, 0], x_test=held, y_test=[1, 0])
    samples = read(tmp_path / "mnist.npz")
    assert samples.format == "npz" and samples.classes == ("0", "1") and samples.paths[4] == "x_test#000000"
    assert np.array_equal(samples.pixels[samples.part("train")], train)
    assert np.array_equal(samples.pixels[samples.part("test")], held)


def test_names_with_the_part_first_labels_in_a_column_and_class_names(tmp_path):
    arrays = {"train_images": pictures(3, (6, 5, 3)), "train_labels": [[0], [1], [1]]}
    arrays |= {"val_images": pictures(2, (6, 5, 3)), "val_labels": [[1], [0]], "classes": ["cat", "dog"]}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    samples = read(tmp_path / "a.npz")
    assert samples.classes == ("cat", "dog") and samples.labels.tolist() == [0, 1, 1, 1, 0]
    assert samples.parts.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (1, 6, 5), (6, 5, 3), (3, 6, 5)])
def test_channels_stand_where_they_like(tmp_path, shape):
    images = pictures(3, shape)
    plain = images.squeeze() if 1 in shape else images.transpose(0, 2, 3, 1) if shape[0] == 3 else images
    np.savez(tmp_path / "a.npz", x=images, y=["dog", "cat", "dog"])
    assert np.array_equal(read(tmp_path / "a.npz").pixels, plain)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", ["dog", "cat", "dog"])
    samples = read(tmp_path)
    assert samples.pixels is None and samples.labels.tolist() == [1, 0, 1]
    assert all(np.array_equal(image_of(samples, row), plain[row]) for row in range(3))
    assert scan(samples).sha256(2) == hash_of(read(tmp_path / "a.npz"), 2)


def test_a_split_array_gives_the_parts(tmp_path):
    np.savez(tmp_path / "a.npz", images=pictures(4), labels=[0, 1, 0, 1], split=["train", "train", "valid", "valid"])
    assert read(tmp_path / "a.npz").parts.tolist() == [0, 0, 1, 1]


def test_arrays_in_a_folder_are_not_held_in_memory(tmp_path):
    tall = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (100_000, 64, 64))  # 410 MB, sparse
    tall[99_999] = 7
    np.save(tmp_path / "labels.npy", np.arange(100_000) % 2)
    samples = read(tmp_path / "images.npy").take(np.array([99_999, 3]))
    assert image_of(samples, 0).sum() == 7 * 64 * 64 and image_of(samples, 1).sum() == 0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": pictures(2) / 255, "y": [0, 1]}, r"'x' does not hold images .*\n  got: float64 .*\n  .*\n  next: mul"),
        ({"x": pictures(2, (6, 5, 4)), "y": [0, 1]}, r"'x' does not hold images .*\n  got: uint8 \[2, 6, 5, 4\]"),
        ({"x": pictures(2), "y": [0, 1, 1]}, r"2 images in x, 3 labels in y"),
        ({"x": pictures(2)}, r"no labels for x .*\n  got: arrays x\n"),
        ({"a": pictures(2), "y": [0, 1]}, r"no array of images .*\n  got: arrays a, y\n"),
        ({"x": pictures(2), "images": pictures(2), "y": [0, 1]}, r"two arrays could be meant: images and x"),
        ({"x": pictures(2), "y": [[1, 0], [0, 1]]}, r"'y' does not hold labels .*\n  got: int64 \[2, 2\]"),
        ({"x": pictures(2), "y": [0.0, 1.0]}, r"'y' does not hold labels .*\n  got: float64 \[2\]"),
        ({"x": pictures(2), "y": [0, -1]}, r"labels outside the classes .*\n  got: -1 to 0"),
        ({"x": pictures(2), "y": [0, 2], "classes": ["a", "b"]}, r"outside the .*\n  got: 0 to 2\n  allowed: 0 to 1"),
        ({"x": pictures(2), "y": [0, 1], "classes": ["a", "a"]}, r"class names are repeated or empty .*\n  got: 'a'"),
        ({"x": pictures(2), "y": [1, 1]}, r"there is only one class: '1'"),
        ({"x": pictures(2), "y": np.array([0, None])}, r"a.npz cannot be read .*\n  got: an array of Python objects"),
    ],
)  # fmt: skip
def test_faults_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npz")


def test_parts_with_other_classes_and_a_cut_file(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=pictures(3), y_train=[0, 1, 2], x_test=pictures(2), y_test=[0, 1])
    with pytest.raises(SplitError, match="test lacks '2'"):
        read(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    with pytest.raises(DataError, match=r"a.npz cannot be read .*\n  got: .*\n  next: write or fetch it again"):
        read(tmp_path / "a.npz")
