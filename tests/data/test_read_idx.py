"""idx files in the manner of MNIST become samples that carry their pixels."""

import struct

import numpy as np
import pytest
import torch
from torchvision.datasets.mnist import read_image_file, read_label_file

from sightline.data.read import read
from sightline.data.samples import PARTS, UNASSIGNED
from sightline.errors import DataError, SplitError

LABELS = [0, 1, 2, 2, 1, 0, 1]


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("form", ["-idx{}-ubyte", ".idx{}-ubyte"])
@pytest.mark.parametrize("test", ["t10k-", "test-"])
def test_spellings_of_the_names(tmp_path, ending, form, test, idx_pair):
    train = idx_pair(tmp_path, "train-", LABELS, 0, form, ending)
    held = idx_pair(tmp_path, test, [2, 1, 0], 1, form, ending)
    samples = read(tmp_path)
    assert samples.format == "idx" and samples.classes == ("0", "1", "2") and samples.pixels is not None
    assert np.array_equal(samples.pixels[samples.part("train")], train)
    assert np.array_equal(samples.pixels[samples.part("test")], held)
    assert samples.labels[samples.part("train")].tolist() == LABELS
    assert samples.labels[samples.part("test")].tolist() == [2, 1, 0]
    assert samples.paths[int(samples.part("train")[6])] == f"train-images{form.format(3)}{ending}#00006"
    assert samples.ignored == ()


def test_the_arrays_are_those_of_torchvision(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS, ending="")
    samples = read(tmp_path / "train-images-idx3-ubyte")
    theirs = read_image_file(str(tmp_path / "train-images-idx3-ubyte"))
    assert torch.equal(torch.from_numpy(np.asarray(samples.pixels).copy()), theirs)
    assert samples.labels.tolist() == read_label_file(str(tmp_path / "train-labels-idx1-ubyte")).tolist()


def test_one_file_with_its_labels_beside_it(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    idx_pair(tmp_path, "t10k-", [0, 1, 2])
    samples = read(tmp_path / "t10k-images-idx3-ubyte.gz")
    assert len(samples) == 3 and {PARTS[part] for part in samples.parts} == {"test"}
    idx_pair(tmp_path / "own", "mine-", LABELS)
    assert (read(tmp_path / "own").parts == UNASSIGNED).all()


def test_an_unpacked_copy_stands_for_the_gzipped_file(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    idx_pair(tmp_path, "train-", LABELS, ending="")
    samples = read(tmp_path)
    assert samples.paths[0] == "train-images-idx3-ubyte#00000"
    assert samples.ignored == ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")


def test_names_from_classes_txt(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    (tmp_path / "classes.txt").write_text("\ufeffT-shirt/top\nTrouser\nAnkle boot\n\n", encoding="utf-8")
    (tmp_path / "LICENSE.txt").write_text("free")
    samples = read(tmp_path)
    assert samples.classes == ("T-shirt/top", "Trouser", "Ankle boot") and samples.ignored == ("LICENSE.txt",)


@pytest.mark.parametrize(
    ("lines", "got"),
    [("a\nb", "2 names"), ("a\nb\nc\nd", "4 names"), ("a\nb\na", "repeated names: a"), ("", "0 names")],
)
def test_classes_txt_that_does_not_fit(tmp_path, lines, got, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    (tmp_path / "classes.txt").write_text(lines)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert f"classes.txt does not fit the labels ({tmp_path})\n  got: {got}\n" in str(caught.value)
    assert "allowed: 3 different names, one a line, for the labels 0 to 2" in str(caught.value)


@pytest.mark.parametrize("cut", [0, 3, 10, 40, -9, -1])
def test_a_cut_gzip_file_is_named(tmp_path, cut, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is (cut or damaged|no idx file of images)"):
        read(tmp_path)


@pytest.mark.parametrize(("change", "got"), [(-1, "139 bytes"), (-100, "40 bytes"), (1, "more than 140 bytes")])
def test_a_file_of_another_length_is_named(tmp_path, change, got, idx_pair):
    idx_pair(tmp_path, "train-", LABELS, ending="")
    path = tmp_path / "train-images-idx3-ubyte"
    raw = path.read_bytes()
    path.write_bytes(raw[:change] if change < 0 else raw + bytes(change))
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"train-images-idx3-ubyte is cut or damaged ({tmp_path})\n  got: {got} of content\n"
        "  allowed: 7 x 5 x 4 = 140 bytes, as its head says"
    )


def test_a_head_that_promises_terabytes_is_refused_at_once(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS, ending="")
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:4] + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(99))
    with pytest.raises(DataError, match=r"got: 99 bytes of content"):
        read(tmp_path)


def test_another_magic_is_named(tmp_path, idx_pair, idx_file):
    idx_pair(tmp_path, "train-", LABELS, ending="")
    idx_file(tmp_path / "train-images-idx3-ubyte", LABELS)
    with pytest.raises(DataError, match=r"is no idx file of images .*\n  got: .* 00 00 08 01\n  allowed: 00 00 08 03"):
        read(tmp_path)


def test_counts_that_differ(tmp_path, idx_pair, idx_file):
    idx_pair(tmp_path, "train-", LABELS)
    idx_file(tmp_path / "train-labels-idx1-ubyte.gz", LABELS[:-1])
    with pytest.raises(DataError, match=r"7 images and 6 labels \(train-images-idx3-ubyte.gz, train-labels-idx1"):
        read(tmp_path)


def test_missing_labels(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"the labels of train-images-idx3-ubyte.gz are missing ({tmp_path})\n  allowed: train-labels-idx1-ubyte.gz"
    )


def test_two_data_sets_in_one_folder(tmp_path, idx_pair):
    idx_pair(tmp_path, "emnist-letters-train-", LABELS)
    idx_pair(tmp_path, "emnist-digits-train-", LABELS)
    with pytest.raises(DataError, match=r"two data sets in one folder: emnist-digits-train.* and emnist-letters-train"):
        read(tmp_path)
    assert len(read(tmp_path / "emnist-letters-train-images-idx3-ubyte.gz")) == 7


def test_a_file_whose_part_is_not_clear(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    idx_pair(tmp_path, "extra-", LABELS)
    with pytest.raises(DataError, match=r"it is not clear which part each file is: extra-images.*train-images"):
        read(tmp_path)


def test_parts_of_different_sizes(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    idx_pair(tmp_path, "t10k-", LABELS, size=(6, 4))
    with pytest.raises(DataError, match=r"images of different sizes .*\n  got: \[6, 4\] in t10k.*, \[5, 4\] in train"):
        read(tmp_path)


def test_parts_with_other_classes(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", LABELS)
    idx_pair(tmp_path, "t10k-", [0, 1, 3])
    with pytest.raises(SplitError, match=r"test lacks '2'; test has '3', which train lacks"):
        read(tmp_path)


def test_no_images_and_one_class(tmp_path, idx_pair):
    idx_pair(tmp_path, "train-", [])
    with pytest.raises(DataError, match=r"no images in .*train-images-idx3-ubyte.gz"):
        read(tmp_path)
    idx_pair(tmp_path, "train-", [4, 4])
    with pytest.raises(DataError, match=r"there is only one class: '4'"):
        read(tmp_path)


def test_fashion_mnist(shared_data):
    samples = read(shared_data / "fashion-mnist")
    assert [len(samples.part(part)) for part in PARTS] == [60000, 0, 10000]
    assert samples.counts(samples.part("train")).tolist() == [6000] * 10
    assert samples.counts(samples.part("test")).tolist() == [1000] * 10
    assert samples.pixels is not None and samples.pixels.shape == (70000, 28, 28)
    assert samples.classes == tuple("0123456789") and samples.ignored == ("LICENSE.txt",)
