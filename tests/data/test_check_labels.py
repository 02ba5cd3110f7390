"""Rules about labels."""

import numpy as np
import pytest

from sick_photos import photo, write_album
from sightline.data.check.facts import Facts
from sightline.data.check.labels import balance
from sightline.data.check.rules import QUICK, RULES, check
from sightline.data.samples import Samples
from sightline.data.scan import scan


def pictures(count):
    return np.stack([np.asarray(photo(number, (24, 24))) for number in range(count)])


def found(samples, needed=3):
    return {finding.rule: finding for finding in check(Facts(samples, scan(samples), needed))}


def test_classes_too_small_to_split():
    samples = Samples.from_arrays(pictures(8), ["a"] * 6 + ["b"] * 2)
    few = found(samples)["labels.few"]
    assert few.severity == "error" and few.evidence == {"classes": {"b": 2}, "needed": 3}
    assert few.message == "1 class has fewer than 3 images, too few to be in every part: 'b' (2)"
    assert "labels.few" not in found(samples, needed=2)


def test_small_classes_do_not_matter_where_parts_are_given():
    parts = ["train", "train", "val", "val"]
    assert found(Samples.from_arrays(pictures(4), ["a", "b", "a", "b"], parts=parts)) == {}


def test_a_part_that_lacks_a_class():
    labels, parts = ["a", "b", "c"] * 3, ["train"] * 6 + ["test"] * 3
    assert "labels.parts" not in found(Samples.from_arrays(pictures(9), labels, parts=parts))
    labels[-1] = "a"
    lacking = found(Samples.from_arrays(pictures(9), labels, parts=parts))["labels.parts"]
    assert lacking.severity == "error" and "the test part lacks classes that the train part has: 'c'" in lacking.message


def test_images_without_a_label():
    samples = Samples.from_arrays(pictures(7), ["a", "b"] * 3 + ["a"], name="x")
    samples.labels[4] = -1
    assert found(samples)["labels.missing"].paths == ("x#4",)


@pytest.mark.parametrize(("counts", "severity"), [((9, 4), None), ((12, 4), "note"), ((40, 4), "warning")])
def test_unequal_classes(counts, severity):
    labels = ["a"] * counts[0] + ["b"] * counts[1]
    finding = found(Samples.from_arrays(pictures(len(labels)), labels)).get("labels.unequal")
    assert (finding.severity if finding else None) == severity


def test_balance_against_the_formulas():
    assert balance(np.array([50, 50, 50])) == pytest.approx(
        {"ratio": 1.0, "effective_ratio": 1.0, "effective_classes": 3.0}
    )
    counts = np.array([300, 30, 0])
    beta = 1 - 1 / 165
    effective = [sum(beta**k for k in range(n)) for n in (300, 30)]
    told = balance(counts)
    assert told["ratio"] == 10 and told["effective_ratio"] == pytest.approx(effective[0] / effective[1])
    shares = counts[:2] / 330
    assert told["effective_classes"] == pytest.approx(2 ** -(shares * np.log2(shares)).sum())


def test_images_that_no_row_of_a_table_names(tmp_path, checked):
    write_album(tmp_path, each=6)
    paths = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg"))
    rows = [f"{path},{path.split('/')[0]}" for path in paths if "/003" not in path]
    (tmp_path / "data.csv").write_text("\n".join(["path,label", *rows]))
    found = checked(tmp_path / "data.csv")
    assert found["labels.unlisted"].paths == ("dog/003.jpg",) and found["labels.unlisted"].severity == "note"
    (tmp_path / "data.csv").write_text("\n".join(["path,label", *rows, "dog/003.jpg,dog"]))
    assert checked(tmp_path / "data.csv") == {}


def test_a_training_applies_all_rules_but_those_that_open_files_again():
    compared = {rule for rule in RULES if "duplicates" in rule} - {"duplicates.two_labels", "duplicates.across_parts"}
    stated = {"labels.unlisted", "files.changed", "groups.across_parts"}
    assert set(RULES) - set(QUICK) == compared | stated
