"""What ``check`` finds in a data set."""

import dataclasses

import numpy as np

from sightline.data.check.rules import RULES, check
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import scan


def found(samples):
    return [(finding.severity, finding.rule, finding.message) for finding in check(samples, scan(samples))]


def distinct(count):
    return np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2)


def test_nothing_is_found_in_a_sound_data_set(tmp_path, image_folder):
    assert found(read(image_folder(tmp_path, {"cat": 3, "dog": 3}))) == []


def test_errors_come_first_and_name_files_numbers_and_remedies(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 3, "dog": 2})
    (tmp_path / "cat" / "notes.txt").write_text("hello")
    (tmp_path / "cat" / "empty.png").write_bytes(b"")
    samples = read(tmp_path)
    findings = check(samples, scan(samples))
    assert [(finding.severity, finding.rule, finding.message) for finding in findings] == [
        ("error", "files.damaged", "cat/empty.png cannot be decoded: 0 bytes"),
        ("error", "labels.few", "class 'dog' has 2 images; a split needs 3"),
        ("note", "files.ignored", "1 files are no images and were passed over: cat/notes.txt"),
    ]
    assert findings[0].paths == ("cat/empty.png",) and findings[0].remedy.endswith("-s data.on_error=skip")
    assert findings[1].evidence == {"class": "dog", "count": 2}


def test_small_classes_do_not_matter_where_parts_are_given():
    assert found(Samples.from_arrays(distinct(4), ["a", "b", "a", "b"], parts=["train", "train", "val", "val"])) == []


def test_empty_files_are_damaged_and_not_copies_of_each_other(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 3, "dog": 3})
    for name in ("cat", "dog"):
        (tmp_path / name / "empty.png").write_bytes(b"")
    assert [rule for _, rule, _ in found(read(tmp_path))] == ["files.damaged", "files.damaged"]


def test_findings_carry_the_name_of_their_rule(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 2, "dog": 3})
    (tmp_path / "cat" / "x.png").write_bytes(b"")
    (tmp_path / "cat" / "x.txt").write_text("")
    (tmp_path / "dog" / "copy.png").write_bytes((tmp_path / "cat" / "0.png").read_bytes())
    samples = read(tmp_path)
    assert {finding.rule for finding in check(samples, scan(samples))} <= set(RULES)


def test_a_group_in_two_parts():
    samples = Samples.from_arrays(distinct(6), ["a", "b"] * 3, parts=["train"] * 4 + ["test"] * 2, name="x")
    groups = dataclasses.replace(
        samples, groups=np.array([0, 0, 1, 1, 1, 2], np.int32), group_names=("ann", "bob", "cy")
    )
    assert found(groups) == [("warning", "groups.across_parts", "group 'bob' lies in several parts: train 2, test 1")]
    healthy = dataclasses.replace(groups, groups=np.array([0, 0, 1, 1, 2, 2], np.int32))
    assert found(healthy) == []


def test_a_file_that_is_not_the_one_that_the_table_states():
    samples = Samples.from_arrays(distinct(6), ["a", "b"] * 3, name="x")
    stated = scan(samples).rows["sha256"].copy()
    assert found(dataclasses.replace(samples, checksums=stated)) == []
    stated[4, 0] ^= 1
    stated[5] = 0  # none is stated
    assert found(dataclasses.replace(samples, checksums=stated)) == [
        ("error", "files.changed", "1 files are not those that the split was made with: x#4")
    ]
