"""Samples get their parts: in proportion, by seed, and frozen in a file that later stages hold the data against."""

import csv
import dataclasses
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.data.read import read
from sightline.data.samples import PARTS, UNASSIGNED, Names, Samples
from sightline.data.scan import Scan, scan
from sightline.data.split import apply_split, read_split, refuse_changes, split, write_split
from sightline.errors import ChangedDataError, RunError, SplitError


def labelled(counts, parts=None):
    labels = np.repeat(np.arange(len(counts)), counts)
    pixels = np.zeros((len(labels), 2, 2), np.uint8)
    names = [f"c{label}" for label in range(len(counts))]
    return Samples.from_arrays(pixels, labels, classes=names, parts=parts)


def table(samples):
    """Samples of each class (rows) in each part (columns)."""
    return np.stack([samples.counts(samples.part(part)) for part in PARTS], axis=1)


def test_each_class_is_divided_in_the_same_proportion():
    divided = split(labelled([100, 200, 40]), val=0.15, test=0.1, seed=0)
    assert table(divided).tolist() == [[75, 15, 10], [150, 30, 20], [30, 6, 4]]


def test_without_other_parts_everything_is_trained_on():
    assert table(split(labelled([5, 3]), val=0, test=0, seed=0)).tolist() == [[5, 0, 0], [3, 0, 0]]


def test_roundings_add_up_to_the_wanted_total():
    divided = split(labelled([36] * 10), val=0.15, test=0.15, seed=0)
    assert table(divided)[:, 1:].sum(axis=0).tolist() == [54, 54]  # class by class it would be 50


@given(
    counts=st.lists(st.integers(3, 60), min_size=1, max_size=8),
    val=st.floats(0.01, 0.9),
    test=st.floats(0.01, 0.9),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=150, deadline=None)
def test_parts_are_complete_disjoint_and_proportional(counts, val, test, seed):
    if val + test >= 1:
        val, test = val / 2, test / 2
    divided = split(labelled(counts), val=val, test=test, seed=seed)
    found = table(divided)
    assert (found >= 1).all(), "every class is in every part"
    assert found.sum(axis=1).tolist() == counts, "every sample is in exactly one part"
    for column, fraction in ((1, val), (2, test)):
        within = np.abs(found[:, column] - np.asarray(counts) * fraction) < 1 + 1e-9
        squeezed = found[:, 0] == 1  # nothing more could be taken without leaving training empty
        assert (within | squeezed | (found[:, column] == 1)).all()


def test_equal_seeds_give_equal_parts_and_others_differ():
    samples = labelled([50, 50])
    parts = [split(samples, val=0.2, test=0.2, seed=seed).parts for seed in (3, 3, 4)]
    assert np.array_equal(parts[0], parts[1]) and not np.array_equal(parts[0], parts[2])
    assert (samples.parts == UNASSIGNED).all(), "the samples given are not changed"


def test_classes_are_shuffled_independently():
    parts = split(labelled([50, 50]), val=0.2, test=0.2, seed=0).parts
    assert not np.array_equal(parts[:50], parts[50:])


def test_given_parts_are_kept():
    given_parts = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    samples = labelled([5, 5], given_parts)
    assert np.array_equal(split(samples, val=0.5, test=0.4, seed=1).parts, samples.parts)


def test_validation_is_taken_from_training_where_only_a_test_part_is_given():
    samples = labelled([10, 10], (["train"] * 8 + ["test"] * 2) * 2)
    divided = split(samples, val=0.25, test=0.5, seed=1)
    assert table(divided).tolist() == [[6, 2, 2], [6, 2, 2]]
    assert np.array_equal(divided.part("test"), samples.part("test"))


def test_no_test_part_where_none_is_wanted():

    assert table(split(labelled([10, 4]), val=0.25, test=0, seed=0))[:, 2].tolist() == [0, 0]


def test_a_large_validation_part_is_as_large_as_asked():
    assert table(split(labelled([100]), val=0.7, test=0.1, seed=0)).tolist() == [[20, 70, 10]]


def test_a_class_that_is_too_small_is_named():
    with pytest.raises(SplitError) as error:
        split(labelled([10, 2, 1]), val=0.1, test=0.1, seed=0)
    assert str(error.value) == (
        "classes with too few images to be in every part (at least 3 are needed)\n  got: c1 (2), c2 (1)\n"
        "  next: add images, merge or remove the classes, or ask for fewer parts with -s data.test=0"
    )
    assert table(split(labelled([10, 2]), val=0.1, test=0, seed=0))[1].tolist() == [1, 1, 0]


def test_fractions_that_leave_nothing_to_train_on():
    with pytest.raises(SplitError, match=r"nothing is left to train on \(data.val, data.test\)\n  got: 0.5 \+ 0.5\n"):
        split(labelled([10]), val=0.5, test=0.5, seed=0)


def test_parts_that_make_no_sense():
    samples = labelled([4])
    mixed = dataclasses.replace(samples, parts=np.array([0, 0, UNASSIGNED, 1], np.int8))
    with pytest.raises(SplitError, match="some samples have a part and some have none"):
        split(mixed, val=0.1, test=0.1, seed=0)
    with pytest.raises(SplitError, match=r"the data set gives no training part\n  got: val, test"):
        split(dataclasses.replace(samples, parts=np.array([1, 2, 1, 1], np.int8)), val=0.1, test=0.1, seed=0)


@pytest.fixture
def frozen(tmp_path, image_folder):
    """A folder of images, its samples with parts, and their split.csv."""
    samples = read(image_folder(tmp_path / "data", {"cat": 6, "dog": 5}))
    samples = split(samples, val=0.2, test=0.2, seed=0)
    path = tmp_path / "split.csv"
    write_split(path, samples, scan(samples))
    return samples, path


def test_the_file_brings_back_every_part(frozen):
    samples, path = frozen
    again = apply_split(read(samples.root), path, samples.classes)
    assert list(again.paths) == list(samples.paths)
    assert np.array_equal(again.parts, samples.parts) and np.array_equal(again.labels, samples.labels)
    refuse_changes(again, path, range(len(again)))


def test_the_file_is_a_plain_csv(frozen):
    _, path = frozen
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "label", "part", "sha256"] and len(rows) == 11
    assert rows[0]["path"] == "cat/0.png" and rows[0]["label"] == "cat" and len(rows[0]["sha256"]) == 64


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_names_in_any_bytes_survive(tmp_path, image_folder):
    root = image_folder(tmp_path / "data", {'日本, "語"': 3, "b": 3})
    first = root / "b" / "0.png"
    for name in ("grün.png", "with\nbreak.png", "with\rreturn.png", 'a,b"c.png', os.fsdecode(b"latin-\xe9.png")):
        (root / "b" / name).write_bytes(first.read_bytes())
    samples = read(root)
    facts = scan(samples)
    assert len(samples) == 11 and not facts.faults
    divided = split(samples, val=0.2, test=0.2, seed=0)
    write_split(tmp_path / "split.csv", divided, facts)
    again = apply_split(read(root), tmp_path / "split.csv", samples.classes)
    assert list(again.paths) == list(samples.paths) and np.array_equal(again.parts, divided.parts)
    refuse_changes(again, tmp_path / "split.csv", range(11))
    (root / "b" / "grün.png").write_bytes(b"other")
    with pytest.raises(ChangedDataError, match=r"1 images changed since the run was made .*\n  got: b/grün.png\n"):
        refuse_changes(again, tmp_path / "split.csv", range(11))


def test_files_that_came_later_are_left_out(frozen, image_folder):
    samples, path = frozen
    image_folder(samples.root, {"cat": 9})
    assert len(apply_split(read(samples.root), path, samples.classes)) == 11


def test_a_class_that_came_later_shifts_no_label(frozen, image_folder):
    samples, path = frozen
    image_folder(samples.root, {"ant": 3})  # before the others in the order of names
    again = apply_split(read(samples.root), path, samples.classes)
    assert again.classes == ("cat", "dog") and np.array_equal(again.labels, samples.labels)


def test_a_file_that_is_gone_is_named(frozen):
    samples, path = frozen
    (samples.root / "dog" / "3.png").unlink()
    with pytest.raises(
        ChangedDataError, match=r"1 of 11 images of this run are gone .*\n  got: dog/3.png\n  next: res"
    ):
        apply_split(read(samples.root), path, samples.classes)
    with pytest.raises(ChangedDataError, match=r"1 images changed .*\n  got: dog/3.png"):
        refuse_changes(samples, path, range(11))


def test_a_file_with_another_content_is_named_where_it_is_compared(frozen):
    samples, path = frozen
    (samples.root / "cat" / "0.png").write_bytes((samples.root / "dog" / "0.png").read_bytes())
    place = list(samples.paths).index("cat/0.png")
    with pytest.raises(ChangedDataError, match=r"1 images changed since the run was made .*\n  got: cat/0.png\n"):
        refuse_changes(apply_split(read(samples.root), path, samples.classes), path, [place])
    refuse_changes(samples, path, [index for index in range(11) if index != place])


def test_a_file_with_another_label_is_named(frozen):
    samples, path = frozen
    labels = samples.labels.copy()
    labels[2] = 1 - labels[2]
    with pytest.raises(ChangedDataError, match=r"1 images have another label than when .*\n  got: cat/2.png\n"):
        apply_split(dataclasses.replace(samples, labels=labels), path, samples.classes)


HEAD = "path,label,part,sha256\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"not a split \(.*split.csv\)\n  got: an empty file\n  allowed: path, label, part, sha256"),
        (b"path,part\na,train\n", r"not a split .*\n  got: path,part\n"),
        ((HEAD + "a.png,cat,train\n").encode(), "not a split"),
        (HEAD.encode(), "the split holds no images"),
        (
            (HEAD + "a.png,cat,trian,00\n").encode(),
            r"unknown parts in the split .*\n  got: trian\n  allowed: train, val,",
        ),
        (b"\xff\xfe\x00\x80", r"not a split \(.*split.csv\)\n  got: 'utf-8' codec"),
    ],
)
def test_a_file_that_is_no_split(tmp_path, text, message):
    (tmp_path / "split.csv").write_bytes(text)
    with pytest.raises(SplitError, match=message):
        read_split(tmp_path / "split.csv")


def test_a_split_that_is_missing(tmp_path):
    with pytest.raises(SplitError, match=r"the split cannot be read .*\n  got: No such file"):
        read_split(tmp_path / "split.csv")


def test_a_split_that_cannot_be_written_leaves_nothing(tmp_path):
    samples = split(labelled([4, 4]), val=0.2, test=0.2, seed=0)
    (tmp_path / "split.csv").mkdir()
    with pytest.raises(RunError, match=r"cannot write: split.csv was not saved"):
        write_split(tmp_path / "split.csv", samples, scan(samples))
    assert [entry.name for entry in tmp_path.iterdir()] == ["split.csv"]


def test_more_samples_than_one_pass_takes_at_once(tmp_path):
    count = 5000
    samples = Samples.from_arrays(
        np.arange(count * 4, dtype=np.uint32).view(np.uint8).reshape(count, 4, 4), [0, 1] * 2500
    )
    divided = split(samples, val=0.1, test=0.1, seed=0)
    write_split(tmp_path / "split.csv", divided, scan(divided))
    again = apply_split(samples, tmp_path / "split.csv", samples.classes)
    assert np.array_equal(again.parts, divided.parts) and np.array_equal(again.pixels, samples.pixels)
    assert isinstance(read_split(tmp_path / "split.csv").paths, Names) and isinstance(scan(samples), Scan)
