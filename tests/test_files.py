"""A file is whole or absent, whatever happens while it is written."""

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from sightline.errors import RunError
from sightline.files import cache_folder, sha256_of, whole_file, write_json


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    with whole_file(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half" and os.listdir(path.parent) == ["file.bin"]  # noqa: PTH208


@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_a_failure_leaves_what_was_there(tmp_path, failure):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(type(failure)), whole_file(path, "w") as file:
        file.write("new")
        raise failure
    assert path.read_text() == "old" and [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path, number):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(RunError) as error, whole_file(path) as file:
        file.write(b"new")
        raise OSError(number, os.strerror(number))
    assert str(error.value) == (
        f"disk full: file.bin was not saved ({tmp_path})\n  got: {os.strerror(number)}\n"
        "  next: free some space and run the same command again"
    )
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as error, whole_file(tmp_path / "file" / "x.bin"):
        pass
    assert str(error.value) == (
        f"cannot write: x.bin was not saved ({tmp_path / 'file'})\n  got: File exists\n"
        "  next: check that the folder can be written"
    )
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="cannot write: folder was not saved"), whole_file(tmp_path / "folder") as file:
        file.write(b"x")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_json_is_for_people_too(tmp_path):
    write_json(tmp_path / "x.json", {"b": "ä", "a": [1]})
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n  "b": "ä",\n  "a": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize("document", [{"a": float("nan")}, {"a": {1, 2}}])
def test_what_json_has_not_is_refused_and_leaves_nothing(tmp_path, document):
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "x.json", document)
    assert not list(tmp_path.iterdir())


def test_the_checksum_is_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_where_the_cache_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_CACHE", "~/own")
    assert cache_folder() == Path.home() / "own"
    monkeypatch.delenv("SIGHTLINE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "sightline"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "sightline"


def test_the_document_that_was_written_is_read(tmp_path):
    write_json(tmp_path / "x.json", [None, True, 1.5])
    assert json.loads((tmp_path / "x.json").read_text()) == [None, True, 1.5]


def test_names_that_are_no_text_are_spelt_out(tmp_path):
    write_json(tmp_path / "a.json", {"path": os.fsdecode(b"latin-\xe9.png")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"path": "latin-\udce9.png"}
