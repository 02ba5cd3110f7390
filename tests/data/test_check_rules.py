"""What ``check`` finds in data sets as a whole: the order, copies, statistics, and nothing false on real ones."""

import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from sick_photos import photo
from sightline.data.check.facts import Facts
from sightline.data.check.rules import RULES, check
from sightline.data.check.statistics import statistics
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import scan


def found(samples):
    return [(finding.severity, finding.rule, finding.paths) for finding in check(Facts(samples, scan(samples)))]


def pictures(count):
    return np.stack([np.asarray(photo(number, (24, 24))) for number in range(count)])


def test_errors_come_first_and_carry_the_name_of_a_rule(album):
    (album / "cat" / "notes.txt").write_text("hello")
    Image.new("RGB", (160, 120), "red").save(album / "cat" / "red.png")
    (album / "cat" / "empty.png").touch()
    told = found(read(album))
    assert [severity for severity, _, _ in told] == ["error", "warning", "note"]
    assert {rule for _, rule, _ in told} <= set(RULES)


def test_the_same_pixels_under_two_labels_whatever_the_file(album):
    with Image.open(album / "cat" / "000.jpg") as image:
        image.save(album / "dog" / "copy.png")
    assert found(read(album)) == [("warning", "duplicates.two_labels", ("cat/000.jpg", "dog/copy.png"))]


def test_the_same_pixels_in_two_parts():
    pixels = pictures(8)
    pixels[6] = pixels[0]
    samples = Samples.from_arrays(pixels, ["a", "b"] * 4, parts=["train"] * 4 + ["test"] * 4, name="x")
    (finding,) = check(Facts(samples, scan(samples)))
    assert (finding.severity, finding.rule, finding.paths) == ("error", "duplicates.across_parts", ("x#0", "x#6"))
    assert finding.quarantined() == ("x#0",), "the copy in the part that measures stays"
    assert "x#0 (train, a) = x#6 (test, a)" in finding.message


def test_copies_with_one_label_in_one_part_count_twice():
    pixels = pictures(6)
    pixels[2] = pixels[0]
    samples = Samples.from_arrays(pixels, ["a", "b"] * 3, name="x")
    assert found(samples) == [("warning", "duplicates.one_part", ("x#0", "x#2"))]


def test_damaged_files_are_not_copies_of_each_other(album):
    for name in ("cat", "dog"):
        (album / name / "empty.png").touch()
    assert [rule for _, rule, _ in found(read(album))] == ["files.empty"]


def test_statistics_against_numpy():
    pixels = np.random.default_rng(0).integers(0, 200, (12, 20, 24, 3), dtype=np.uint8)
    samples = Samples.from_arrays(pixels, ["a", "b", "b"] * 4)
    told = statistics(Facts(samples, scan(samples)))
    scaled = pixels / 255.0
    for channel, figures in enumerate(told["channels"]):
        assert figures["mean"] == pytest.approx(scaled[..., channel].mean(), abs=1e-5)
        assert figures["std"] == pytest.approx(scaled[..., channel].std(), abs=1e-5)
        assert figures["variance"] == pytest.approx(scaled[..., channel].var(), abs=1e-5)
        each = np.median(pixels[..., channel].reshape(12, -1), axis=1)
        assert figures["median"] == pytest.approx(np.median(each) / 255, abs=2 / 255)
    assert told["classes"] == {"a": 4, "b": 8} and told["balance"]["ratio"] == 2
    assert told["width"] == {"min": 24, "median": 24, "max": 24} and told["aspect"]["median"] == 1.2


def test_statistics_of_nothing_but_damage(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").touch()
    samples = read(tmp_path)
    told = statistics(Facts(samples, scan(samples)))
    assert told["images"] == 2 and told["decoded"] == 0 and "width" not in told


def test_trashnet_has_three_pairs_under_two_labels_and_nothing_else(shared_data: Path):
    samples = read(shared_data / "trashnet-384x288.zip")
    findings = {finding.rule: finding for finding in check(Facts(samples, scan(samples)))}
    known = {"duplicates.two_labels", "labels.unequal", "files.ignored"}
    assert set(findings) == known | {"near_duplicates.one_part"}, "bursts of one scene"
    pairs = {tuple(Path(path).stem for path in pair) for pair in findings["duplicates.two_labels"].evidence["groups"]}
    assert pairs == {("glass176", "plastic152"), ("glass115", "metal91"), ("glass389", "plastic332")}
    assert findings["labels.unequal"].severity == "note"


def test_fashion_mnist_has_no_finding_but_its_license(shared_data: Path):
    assert [rule for _, rule, _ in found(read(shared_data / "fashion-mnist"))] == ["files.ignored"]


def test_blood_cells_in_class_folders_have_nothing_false(shared_data: Path, tmp_path: Path):
    with zipfile.ZipFile(shared_data / "bccd-voc.zip") as archive:
        archive.extractall(tmp_path)
    images = {path.stem: path for path in tmp_path.rglob("*.jpg")}
    for note in tmp_path.rglob("*.xml"):
        cells = {cell.findtext("name") for cell in ElementTree.parse(note).iter("object")}
        folder = tmp_path / "cells" / ("platelets" if "Platelets" in cells else "none")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(images[note.stem], folder)
    # Two pairs were taken a moment apart: the same cells, a little shifted.
    pairs = {"BloodImage_00037", "BloodImage_00038", "BloodImage_00386", "BloodImage_00391"}
    ((severity, rule, paths),) = found(read(tmp_path / "cells"))
    assert (severity, rule) == ("note", "near_duplicates.one_part") and {Path(path).stem for path in paths} == pairs
