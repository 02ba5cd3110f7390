"""Rows of a head are reused by the names of their classes, never by chance."""

import pytest
import torch
from torch import nn

from sightline.errors import WeightsError
from sightline.model.weights import load_weights
from sightline.model.weights_file import class_names, read_weights

ROWS = ("1.weight", "1.bias")
THEIRS = ("ant", "bee", "cat")


def network(classes, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, classes))


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "w.pt"
    torch.save(network(3, seed=1).state_dict(), path)
    return path


def filled(stored, classes, named=True):
    if named:
        stored.with_name("w.classes.txt").write_text("\n".join(THEIRS) + "\n")
    module = network(len(classes))
    before = {key: value.clone() for key, value in module.state_dict().items()}
    report = load_weights(module, stored, head=ROWS, rows=ROWS, classes=classes)
    return module.state_dict(), before, torch.load(stored, weights_only=True), report


def test_rows_go_to_the_classes_of_the_same_name(stored):
    state, before, source, report = filled(stored, ("bee", "dog", "ant", "elk"))
    for key in ROWS:
        assert torch.equal(state[key][0], source[key][1]) and torch.equal(state[key][2], source[key][0])
        assert torch.equal(state[key][1], before[key][1]) and torch.equal(state[key][3], before[key][3])
    assert report.rows.shared == ("bee", "ant") and report.rows.fresh == ("dog", "elk") and report.rows.left == 1
    assert report.loaded == ("0.weight", "0.bias", *ROWS)
    told = "  head: 2 of 4 classes reused by name; kept: bee, ant; new: dog, elk; 1 of the file left out"
    assert report.lines()[-1] == told
    assert report.as_dict()["rows"]["shared"] == ["bee", "ant"]


def test_as_many_classes_of_other_names_do_not_inherit_rows(stored):
    state, before, source, report = filled(stored, ("dog", "elk", "fox"))
    assert all(torch.equal(state[key], before[key]) for key in ROWS)
    assert torch.equal(state["0.weight"], source["0.weight"])
    assert report.mismatched == ("1.bias of other classes", "1.weight of other classes")
    assert report.lines()[-1] == "  head: 0 of 3 classes reused by name; new: dog, elk, fox; 3 of the file left out"


def test_the_same_classes_in_another_order_are_put_right(stored):
    state, _, source, report = filled(stored, ("cat", "ant", "bee"))
    assert torch.equal(state["1.weight"], source["1.weight"][[2, 0, 1]]) and report.rows.fresh == ()


def test_rows_without_names_go_by_their_place_and_that_is_told(stored):
    state, _, source, report = filled(stored, ("dog", "elk", "fox"), named=False)
    assert torch.equal(state["1.weight"], source["1.weight"])
    assert report.lines()[-1] == "  head: taken row by row; the file does not name its classes (model.weights_classes)"
    state, before, _, report = filled(stored, ("dog", "elk"), named=False)
    assert torch.equal(state["1.weight"], before["1.weight"]) and report.rows is None
    assert report.mismatched == ("1.bias [3] -> [2]", "1.weight [3, 4] -> [2, 4]")


def test_a_head_of_another_width_is_left_and_its_biases_too_only_where_they_do_not_fit(stored):
    stored.with_name("w.classes.txt").write_text("\n".join(THEIRS))
    module = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3))
    module[1] = nn.Linear(5, 3)
    module[1].weight.data.zero_()
    report = load_weights(module, stored, head=ROWS, rows=ROWS, classes=THEIRS)
    assert report.mismatched == ("1.weight [3, 4] -> [3, 5]",) and not module[1].weight.any()


def test_a_name_that_several_rows_have_is_not_guessed(stored):
    stored.with_name("w.classes.txt").write_text("crane\ncrane\ncat\n")
    module = network(2)
    before = module[1].weight.detach().clone()
    report = load_weights(module, stored, head=ROWS, rows=ROWS, classes=("cat", "crane"))
    assert torch.equal(module[1].weight[1], before[1]) and not torch.equal(module[1].weight[0], before[0])
    assert report.rows.several == ("crane",) and report.lines()[-1].endswith("; several rows have the name: crane")


def test_names_may_lie_in_any_file(tmp_path, stored):
    (tmp_path / "names.txt").write_text("cat\nbee\nant\n\n")
    assert read_weights(stored, tmp_path / "names.txt").classes == ("cat", "bee", "ant")
    stored.with_name("w.labels.txt").write_text("x\ny\nz")
    assert read_weights(stored).classes == ("x", "y", "z")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "ant\nbee\n",
            r"the class names are not those of the weights' head .*\n  got: 2 names for the 3 rows",
        ),
        ("", "the class names of the weights are missing: the file is empty"),
        ("ant\n\ncat\n", "the class names of the weights have an empty line: 2"),
    ],
)
def test_names_that_cannot_be_right_are_refused(stored, text, told):
    stored.with_name("w.classes.txt").write_text(text)
    with pytest.raises(WeightsError, match=told):
        load_weights(network(3), stored, head=ROWS, rows=ROWS, classes=THEIRS)


def test_names_that_an_editor_began_with_a_mark_keep_the_first_one(tmp_path):
    (tmp_path / "names.txt").write_text("ant\nbee\n", encoding="utf-8-sig")
    assert class_names(tmp_path / "names.txt") == ("ant", "bee")


def test_a_file_of_names_that_is_not_there(stored):
    with pytest.raises(WeightsError, match=r"the class names cannot be read \(model.weights_classes\)"):
        read_weights(stored, stored.with_name("absent.txt"))
