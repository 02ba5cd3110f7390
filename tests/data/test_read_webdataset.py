"""Tar shards as anybody writes them: labels, parts, patterns; and each fault with its shard and sample."""

import gzip
import json
import tracemalloc

import numpy as np
import pytest

from containers import encoded, picture, write_shard, write_tar
from sightline.data.derive import image_of
from sightline.data.read import read
from sightline.data.scan import scan
from sightline.errors import DataError, ImageError, SplitError


def test_names_in_cls_files(tmp_path):
    samples = read(write_shard(tmp_path / "a.tar", ["dog", "cat", "dog"]))
    assert samples.format == "webdataset" and samples.classes == ("cat", "dog") and samples.labels.tolist() == [1, 0, 1]
    assert list(samples.paths) == ["a.tar/s0.png", "a.tar/s1.png", "a.tar/s2.png"]
    assert np.array_equal(np.asarray(image_of(samples, 2)), picture(2)) and samples.content(1) == encoded(1)
    assert scan(samples).faults == {}


def test_numbers_are_places_in_classes_txt(tmp_path):
    write_shard(tmp_path / "train-0.tar", [0, 1])
    write_shard(tmp_path / "train-1.tar", [1, 0], first=2)
    write_shard(tmp_path / "val-0.tar", [0, 1], first=4)
    assert read(tmp_path).classes == ("0", "1")
    (tmp_path / "classes.txt").write_text("dog\ncat\n")
    samples = read(tmp_path)
    assert samples.classes == ("dog", "cat") and samples.labels.tolist() == [0, 1, 1, 0, 0, 1]
    assert samples.parts.tolist() == [0, 0, 0, 0, 1, 1]


def test_json_beside_the_image_says_all_that_is_known(tmp_path):
    rows = [
        {"label": name, "part": ("train", "valid")[n // 2], "group": f"g{n % 2}", "weight": n + 0.5}
        | {"path": f"{name}/{n}.png"}
        for n, name in enumerate(["dog", "cat", "dog", "cat"])
    ]
    samples = read(write_shard(tmp_path / "a.tar", rows, field="json"))
    assert samples.parts.tolist() == [0, 0, 1, 1] and list(samples.paths)[3] == "cat/3.png"
    assert samples.groups is not None and [samples.group_names[g] for g in samples.groups] == ["g0", "g1", "g0", "g1"]
    assert samples.weights is not None and samples.weights.tolist() == [0.5, 1.5, 2.5, 3.5]


def test_folders_for_the_parts_patterns_and_single_shards(tmp_path):
    for part in ("train", "validation"):
        for number in range(3):
            write_shard(tmp_path / part / f"{number:02d}.tar", ["cat", "dog"])
    samples = read(tmp_path)
    assert samples.parts.tolist() == [0] * 6 + [1] * 6 and samples.paths[11] == "validation/02.tar/s1.png"
    assert len(read(tmp_path / "train" / "{00..01}.tar")) == len(read(tmp_path / "train" / "*[12].tar")) == 4
    assert len(read(tmp_path / "train" / "01.tar")) == 2
    with pytest.raises(DataError, match=r"shards of \{01..04\}.tar are missing .*\n  got: 03.tar, 04.tar"):
        read(tmp_path / "train" / "{01..04}.tar")
    with pytest.raises(DataError, match="no tar shards at"):
        read(tmp_path / "no*.tar")


def test_an_archive_of_class_folders_is_none(tmp_path):
    write_tar(tmp_path / "a.tar", [(f"{name}/{n}.png", encoded(n)) for name in ("cat", "dog") for n in range(2)])
    assert read(tmp_path / "a.tar").format == "folders"


SOUND = [("a.png", encoded(0)), ("a.cls", b"0"), ("b.png", encoded(1)), ("b.cls", b"1")]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("c.png", encoded(2))], r"1 samples in the shards cannot be used .*\n  got: x.tar: c has no label\n"),
        ([("c.cls", b"1")], r"got: x.tar: c has no image, or several"),
        ([("c.png", b"x"), ("c.jpg", b"x"), ("c.cls", b"1")], r"got: x.tar: c has no image, or several"),
        ([("a.png", encoded(2)), ("a.cls", b"1")], r"got: x.tar: a stands there twice"),
        ([("b.png", encoded(2)), ("b.cls", b"1")], r"got: x.tar: b stands there twice"),
        ([("c.png", encoded(2)), ("c.json", b"{")], r"got: x.tar: c has a .json that cannot be read: "),
        ([("c.png", encoded(2)), ("c.json", b'{"label": 1.5}')], r"got: x.tar: c has no label"),
        ([("c.png", encoded(2)), ("c.cls", b"\xff")], r"got: x.tar: c has a .cls that cannot be read"),
        ([("c.png", encoded(2)), ("c.cls", b"cat")], r"some labels are numbers and some are names"),
        ([("c.png", encoded(2)), ("c.json", b'{"label": 1, "part": "x"}')], r"unknown parts .*\n  got: x\n"),
        ([("c.png", encoded(2)), ("c.json", b'{"label": 1, "group": "g"}')], r"only some samples have a group"),
        ([("c.png", encoded(2)), ("c.json", b'{"label": 1, "weight": 2}')], r"only some samples have a weight"),
    ],
)
def test_faults_are_named_with_shard_and_sample(tmp_path, members, message):
    write_tar(tmp_path / "x.tar", [*SOUND, *members])
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_cut_compressed_and_empty_shards(tmp_path):
    path = write_shard(tmp_path / "x.tar", ["cat", "dog"] * 3)
    whole = path.read_bytes()
    for end in (700, 1100, 2048, len(whole) // 2 + 100):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"x.tar is cut or damaged"):
            read(tmp_path, "webdataset")
    path.write_bytes(gzip.compress(whole))
    with pytest.raises(DataError, match=r"x.tar is compressed, .*\n  next: unpack it with gunzip"):
        read(tmp_path, "webdataset")
    write_tar(path, [])
    with pytest.raises(DataError, match="the shards hold no samples"):
        read(tmp_path, "webdataset")


def test_a_damaged_image_and_a_shard_that_shrank_are_named(tmp_path):
    path = write_tar(tmp_path / "x.tar", [*SOUND, ("c.png", encoded(2)[:80]), ("c.cls", b"1")])
    samples = read(tmp_path)
    with pytest.raises(ImageError, match=r"x.tar/c.png cannot be decoded\n  got: the file is truncated"):
        image_of(samples, 2)
    path.write_bytes(path.read_bytes()[:2200])
    with pytest.raises(ImageError, match=r"x.tar is truncated .*\n  got: it ends before byte"):
        image_of(samples, 1)
    path.unlink()
    assert set(scan(samples).faults) == {0, 1, 2}


def test_parts_with_other_classes(tmp_path):
    write_shard(tmp_path / "train-0.tar", ["cat", "dog", "fox"])
    write_shard(tmp_path / "test-0.tar", ["cat", "dog"])
    with pytest.raises(SplitError, match="test lacks 'fox'"):
        read(tmp_path)


def test_headers_are_scanned_once_until_a_shard_changes(tmp_path, monkeypatch):
    write_shard(tmp_path / "x.tar", ["cat", "dog"])
    first = read(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("sightline.data.formats.shard_scan._scanned", lambda *_: pytest.fail("scanned again"))
        again = read(tmp_path, "webdataset")
    assert list(first.paths) == list(again.paths) and first.labels.tolist() == again.labels.tolist()
    assert again.content(1) == encoded(1)
    write_shard(tmp_path / "x.tar", ["cat", "dog", "cat"])
    assert len(read(tmp_path)) == 3


def test_the_index_of_many_samples_holds_no_object_each(tmp_path):
    """20,000 samples: less than 100 bytes each for paths, places and labels; a string each would take 70 more."""
    image = encoded(0)
    write_tar(
        tmp_path / "x.tar",
        [(f"{n:06d}.{end}", raw) for n in range(20_000) for end, raw in (("png", image), ("cls", b"%d" % (n % 2)))],
    )
    tracemalloc.start()
    samples = read(tmp_path / "x.tar", "webdataset")
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/sightline/data/*")])
    tracemalloc.stop()
    held = sum(trace.size for trace in ours.traces)
    assert len(samples) == 20_000 and held < 100 * 20_000


def test_labels_as_json_numbers(tmp_path):
    samples = read(write_shard(tmp_path / "x.tar", [1, 0, 2], field="json"))
    assert samples.classes == ("0", "1", "2") and samples.labels.tolist() == [1, 0, 2]
    assert json.loads(json.dumps(list(samples.paths)))[0] == "x.tar/s0.png"
