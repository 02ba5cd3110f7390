"""LMDB as ``pack`` writes it, whole or damaged."""

import gc
import json
import shutil

import lmdb
import numpy as np
import pytest

from sightline.data.derive import image_of
from sightline.data.read import read
from sightline.data.scan import scan
from sightline.errors import DataError, ImageError, MissingExtra
from sightline.workflow.pack import pack_data


@pytest.fixture
def packed(tmp_path, image_folder):
    image_folder(tmp_path / "animals", {"cat": 4, "dog": 5})
    pack_data(str(tmp_path / "animals"), to="lmdb", out=tmp_path / "packed")
    return tmp_path / "packed"


def put(folder, key, value):
    with lmdb.open(str(folder), lock=False) as environment, environment.begin(write=True) as transaction:
        transaction.delete(key) if value is None else transaction.put(key, value)


def test_images_are_those_that_were_packed(packed):
    plain, samples = read(packed.parent / "animals"), read(packed)
    assert read(packed / "data.mdb").format == samples.format == "lmdb" and list(samples.paths) == list(plain.paths)
    assert [samples.content(row) for row in range(9)] == [plain.content(row) for row in range(9)]
    assert scan(samples).faults == {}


def test_an_image_that_is_missing_or_another_is_named(packed):
    put(packed, b"000000000003", b"something else")
    put(packed, b"000000000004", image := None)
    put(packed, b"000000000009", b"so that the count is right")
    samples = read(packed)
    with pytest.raises(ImageError, match=r"the image under 000000000003 is not the one of the index"):
        image_of(samples, 3)
    with pytest.raises(ImageError, match=r"the image under 000000000004 is missing"):
        image_of(samples, 4)
    assert image is None and set(scan(samples).faults) == {3, 4}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (b"000000000003", None, r"the LMDB is incomplete .*\n  got: 8 images\n  allowed: 9, as its meta record says"),
        (b"meta", None, r"the LMDB has no layout that is known .*\n  got: no meta record\n"),
        (
            b"meta",
            json.dumps({"format": "other"}).encode(),
            r"no layout that is known .*\n  got: {\"format\": \"other\"}",
        ),
        (b"index", b"nothing", r"the index is damaged"),
    ],
)
def test_a_database_that_does_not_fit_is_refused(packed, key, value, message):
    put(packed, key, value)
    with pytest.raises(DataError, match=message):
        read(packed)


def test_damaged_pages_and_a_cut_file(packed, tmp_path):
    whole = (packed / "data.mdb").read_bytes()
    for number, raw in enumerate((whole[:6000], whole[:-4096], b"\0" * len(whole), b"")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "data.mdb").write_bytes(raw)
        with pytest.raises(DataError, match=r"the LMDB|the index is damaged"):
            read(folder)


def test_a_data_set_that_is_packed_anew_is_read_anew(packed):
    old = read(packed)
    image_of(old, 0)
    shutil.rmtree(packed)
    shutil.rmtree(packed.parent / "animals" / "dog" / "0.png", ignore_errors=True)
    (packed.parent / "animals" / "dog" / "0.png").unlink()
    pack_data(str(packed.parent / "animals"), to="lmdb", out=packed)
    new = read(packed)
    assert len(old) == 9 and len(new) == 8 and np.asarray(image_of(new, 7)).shape == (24, 32, 3)
    del old
    gc.collect()
    assert np.asarray(image_of(new, 0)).shape == (24, 32, 3)


def test_without_the_library_it_says_what_to_install(packed, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lmdb", None)
    with pytest.raises(MissingExtra, match=r'lmdb is not installed .*\n  next: pip install "sightline\[lmdb\]"'):
        read(packed)
