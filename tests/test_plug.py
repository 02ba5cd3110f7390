"""A name becomes a built-in or the user's own component, or an error that says what to do."""

import math
import sys

import pytest

from sightline import plug
from sightline.errors import PlugError


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    """A working folder with users' files, and nothing of it left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plug, "_search", [])
    (tmp_path / "mine.py").write_text("def thing():\n    return 'mine'\n_hidden = 1\n")
    (tmp_path / "broken.py").write_text("import math\n1 / 0\n")
    (tmp_path / "typo.py").write_text("def thing(:\n")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("sightline_plug_")]:
        del sys.modules[name]


def test_a_built_in_by_its_name():
    assert plug.resolve("loss", "a", {"a": 1, "b": 2}, "train.loss.name") == 1
    assert plug.is_plug("x:y") and not plug.is_plug("x")


def test_an_unknown_name():
    with pytest.raises(PlugError) as error:
        plug.resolve("loss", "focla", {"focal": 1, "cross_entropy": 2}, "train.loss.name")
    assert str(error.value) == (
        "unknown loss 'focla' (train.loss.name)\n  allowed: cross_entropy, focal\n"
        "  next: did you mean 'focal'? Your own: \"my_file:thing\""
    )


@pytest.mark.parametrize("name", ["mine:thing", "mine.py:thing", "./mine.py:thing"])
def test_a_thing_in_a_file_of_the_working_folder(name):
    assert plug.resolve("loss", name, {}, "x")() == "mine"


def test_an_absolute_path_and_a_package_folder(own_files):
    (own_files / "parts").mkdir()
    (own_files / "parts" / "deep.py").write_text("x = 5\n")
    assert plug.load(f"{own_files}/mine.py:thing", "x")() == "mine"
    assert plug.load("parts.deep:x", "x") == plug.load("parts/deep.py:x", "x") == 5


def test_an_installed_module():
    assert plug.load("math:sqrt", "x") is math.sqrt and plug.source_file("math:sqrt") is None


def test_folders_that_were_named_are_searched(own_files, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(other)
    with pytest.raises(PlugError) as error:
        plug.load("mine:thing", "model.name")
    assert str(error.value) == (
        "cannot import 'mine' (model.name)\n  got: No module named 'mine'\n"
        f"  next: put mine.py in one of: {other}; or install the module"
    )
    plug.search_in(own_files)
    plug.search_in(own_files)
    assert (
        plug.load("mine:thing", "x")() == "mine" and plug.source_file("mine:thing") == (own_files / "mine.py").resolve()
    )


def test_the_file_is_run_once():
    assert plug.load("mine:thing", "x") is plug.load("mine:thing", "x")


def test_a_file_of_the_same_name_elsewhere_is_another(own_files):
    (own_files / "sub").mkdir()
    (own_files / "sub" / "mine.py").write_text("def thing():\n    return 'other'\n")
    assert plug.load("mine:thing", "x")() == "mine" and plug.load("sub/mine.py:thing", "x")() == "other"
    assert plug.load("mine:thing", "x")() == "mine"


def test_a_thing_that_is_not_in_the_file():
    with pytest.raises(PlugError) as error:
        plug.load("mine:thign", "model.name")
    assert str(error.value) == (
        "'mine' has no 'thign' (model.name)\n  got: mine:thign\n  allowed: thing\n  next: did you mean 'thing'?"
    )


@pytest.mark.parametrize(
    ("name", "reason"), [("broken:x", "ZeroDivisionError: division by zero"), ("typo:x", "SyntaxError: ")]
)
def test_a_file_that_fails_is_told_and_not_kept(name, reason):
    stem = name.split(":", maxsplit=1)[0]
    for _ in range(2):
        with pytest.raises(PlugError) as error:
            plug.load(name, "model.name")
        lines = str(error.value).splitlines()
        assert lines[0] == f"'{stem}.py' failed while it was imported (model.name)"
        assert lines[1].startswith(f"  got: {reason}")
        assert lines[2].startswith("  next: run python ") and lines[2].endswith(f"{stem}.py to see the full traceback")


@pytest.mark.parametrize("name", [":thing", "no such file:thing", ".mine:thing", "mine:", ":"])
def test_names_that_name_nothing(name):
    with pytest.raises(PlugError, match=r"^(cannot import|'mine' has no '') ?.*\(model.name\)\n  got: .+"):
        plug.load(name, "model.name")


def test_an_installed_module_that_fails(own_files, monkeypatch):
    package = own_files / "installed"
    package.mkdir()
    (package / "bad_installed.py").write_text("raise RuntimeError('needs a display')\n")
    monkeypatch.syspath_prepend(str(package))
    with pytest.raises(PlugError, match=r"cannot import 'bad_installed' \(x\)\n  got: needs a display"):
        plug.load("bad_installed:thing", "x")


def test_the_folders_of_one_run_are_searched_before_the_working_folder_and_not_for_another(tmp_path, monkeypatch):
    for name in ("one", "two", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.py").write_text(f"thing = {name!r}\n")
    (tmp_path / "here" / "only.py").write_text("thing = 'only here'\n")
    monkeypatch.chdir(tmp_path / "here")
    plug.search_in(tmp_path / "one")
    assert plug.load("same:thing", "x") == "one" and plug.load("only:thing", "x") == "only here"
    with plug.elsewhere():
        plug.search_in(tmp_path / "two")
        assert plug.load("same:thing", "x") == "two"
    assert plug.load("same:thing", "x") == "one"
    plug.search_in()
    assert plug.load("same:thing", "x") == "here"
