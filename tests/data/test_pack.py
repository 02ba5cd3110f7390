"""What is packed is what was there: same images, labels, parts, groups, weights and names, in the same order."""

import errno
import json
import shutil
import tarfile

import numpy as np
import pytest

import sightline.data.pack
from sightline.data.derive import image_of
from sightline.data.read import read
from sightline.data.scan import declared, hash_of, scan
from sightline.errors import ConfigError, DataError, ImageError, RunError
from sightline.workflow.pack import pack_data


def write_csv(folder, image_folder, count=12):
    image_folder(folder / "größe", {"p": count})
    lines = ["path,label,split,group,weight"]
    for n in range(count):
        part = ("train", "val")[n % 3 == 0]
        lines.append(f"größe/p/{n}.png,{'猫' if n % 2 else 'dog'},{part},g{n // 2},{n / 4}")
    (folder / "data.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "data.csv"


def same(one, other):
    for name in ("labels", "parts", "groups", "weights"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None) and (a is None or np.array_equal(a, b)), name
    assert one.classes == other.classes and one.group_names == other.group_names
    assert list(one.paths) == list(other.paths)


@pytest.mark.parametrize("to", ["webdataset", "lmdb"])
def test_the_way_there_and_back(tmp_path, image_folder, to):
    source = read(write_csv(tmp_path, image_folder))
    pack_data(str(tmp_path / "data.csv"), to=to, out=tmp_path / "packed", shard_size="10KB" if to[0] == "w" else None)
    packed = read(tmp_path / "packed")
    same(source, packed)
    assert all(packed.content(row) == source.content(row) for row in range(12))
    again = pack_data(str(tmp_path / "packed"), to=to, out=tmp_path / "again")
    same(source, read(tmp_path / "again"))
    assert again["images"] == 12 and again["parts"] == {"train": 8, "val": 4}


@pytest.mark.parametrize("to", ["webdataset", "lmdb"])
@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3)])
def test_arrays_become_png_with_the_same_pixels(tmp_path, to, shape):
    images = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=[0, 1, 1, 0])
    pack_data(str(tmp_path / "a.npz"), to=to, out=tmp_path / "packed")
    source, packed = read(tmp_path / "a.npz"), read(tmp_path / "packed")
    same(source, packed)
    assert all(np.array_equal(np.asarray(image_of(packed, row)), images[row]) for row in range(4))
    assert packed.content(0)[:4] == b"\x89PNG"


@pytest.mark.parametrize("to", ["webdataset", "lmdb"])
def test_the_facts_in_the_index_are_those_of_a_look(tmp_path, image_folder, to):
    pack_data(str(image_folder(tmp_path / "animals", {"cat": 3, "dog": 4})), to=to, out=tmp_path / "packed")
    packed = read(tmp_path / "packed")
    looked, said = scan(packed), declared(packed)
    for name in ("sha256", "width", "height", "gray", "bytes"):
        assert np.array_equal(looked.rows[name], said.rows[name]), name
    assert hash_of(packed, 3) == looked.sha256(3) == scan(read(tmp_path / "animals")).sha256(3)
    assert declared(read(tmp_path / "animals")) is None


def test_without_its_index_the_shards_still_say_all_of_it(tmp_path, image_folder):
    source = read(write_csv(tmp_path, image_folder))
    pack_data(str(tmp_path / "data.csv"), to="webdataset", out=tmp_path / "packed")
    (tmp_path / "packed" / "index.npz").unlink()
    scanned = read(tmp_path / "packed")
    place = {name: row for row, name in enumerate(scanned.paths)}
    back = scanned.take(np.asarray([place[name] for name in source.paths]))
    assert back.classes == source.classes and np.array_equal(back.labels, source.labels)
    assert np.array_equal(back.parts, source.parts) and np.array_equal(back.weights, source.weights)
    assert [back.group_names[g] for g in back.groups] == [source.group_names[g] for g in source.groups]
    assert [back.content(row) for row in range(12)] == [source.content(row) for row in range(12)]


def test_the_webdataset_library_reads_the_shards(tmp_path, image_folder):
    import webdataset

    source = read(write_csv(tmp_path, image_folder))
    pack_data(str(tmp_path / "data.csv"), to="webdataset", out=tmp_path / "packed")
    urls = sorted(str(path) for path in (tmp_path / "packed").glob("*.tar"))
    seen = {}
    for one in webdataset.WebDataset(urls, shardshuffle=False, nodesplitter=None).decode():
        seen[one["json"]["path"]] = (one["cls"], one["json"]["label"])
    assert seen == {
        path: (int(label), source.classes[label]) for path, label in zip(source.paths, source.labels, strict=True)
    }
    for one in webdataset.WebDataset(urls, shardshuffle=False):
        path = json.loads(one["json"])["path"]
        assert one["png"] == (tmp_path / path).read_bytes()


def test_shards_are_closed_at_their_size_hold_one_part_and_are_shuffled(tmp_path, image_folder):
    image_folder(tmp_path / "animals", {"cat": 20, "dog": 20}, parts=("train", "val"))
    for out in ("one", "two"):
        done = pack_data(str(tmp_path / "animals"), to="webdataset", out=tmp_path / out, shard_size="20KB")
    one = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert one.keys() == {path.name for path in (tmp_path / "two").iterdir()}
    assert all((tmp_path / "two" / name).read_bytes() == raw for name, raw in one.items() if name.endswith(".tar"))
    tars = sorted(name for name in one if name.endswith(".tar"))
    assert done["files"] == len(tars) > 6 and max(len(one[name]) for name in tars) < 20_000 + 2 * tarfile.RECORDSIZE
    samples = read(tmp_path / "one")
    for number, name in enumerate(samples.store.shards):
        members = np.flatnonzero(samples.store.shard == number)
        assert len(set(samples.parts[members])) == 1 and name.startswith(("train-", "val-"))
    first = samples.labels[np.lexsort((samples.store.offset, samples.store.shard))][:8]
    assert 0 < first.sum() < 8


@pytest.mark.parametrize("damage", ["cut", "other", "gone", "strange", "index"])
def test_shards_that_do_not_fit_their_index_are_refused(tmp_path, image_folder, damage):
    out = tmp_path / "packed"
    pack_data(str(image_folder(tmp_path / "animals", {"cat": 9, "dog": 9})), to="webdataset", out=out, shard_size="9KB")
    shard = out / "data-000001.tar"
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-3000])
    elif damage == "gone":
        shard.unlink()
    elif damage == "strange":
        shutil.copy(shard, out / "more.tar")
    elif damage == "index":
        (out / "index.npz").write_bytes((out / "index.npz").read_bytes()[:-300])
    else:
        raw = bytearray(shard.read_bytes())
        raw[600] ^= 1
        shard.write_bytes(raw)
        faults = scan(samples := read(out)).faults
        assert len(faults) == 1 and "another checksum" in next(iter(faults.values()))
        with pytest.raises(ImageError, match=r"an image in data-000001.tar is not the one of its index"):
            image_of(samples, next(iter(faults)))
        return
    message = {
        "cut": "shards are cut or changed .*\n  got: data-000001.tar: ",
        "gone": "shards of the index are missing .*\n  got: data-000001.tar",
        "strange": "shards that the index does not know .*\n  got: more.tar",
        "index": "the index is damaged",
    }[damage]
    with pytest.raises(DataError, match=message):
        read(out)


@pytest.mark.parametrize("to", ["webdataset", "lmdb"])
def test_a_full_disk_leaves_nothing(tmp_path, image_folder, monkeypatch, to):
    image_folder(tmp_path / "animals", {"cat": 3, "dog": 3})
    real = sightline.data.pack._content_of

    def until_full(samples, columns):
        content = real(samples, columns)

        def one(index):
            if index == 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            return content(index)

        return one

    monkeypatch.setattr("sightline.data.pack._content_of", until_full)
    with pytest.raises(RunError, match=r"disk full: packed was not saved"):
        pack_data(str(tmp_path / "animals"), to=to, out=tmp_path / "packed")
    assert [path.name for path in tmp_path.iterdir()] == ["animals"]


def test_too_little_room_is_told_before_the_first_byte(tmp_path, image_folder, monkeypatch):
    image_folder(tmp_path / "animals", {"cat": 3, "dog": 3})
    usage = type("Usage", (), {"free": 100})()
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(RunError, match=r"disk full: 0.0 GB of images and 0.0 GB free .*\n  got: 6 images"):
        pack_data(str(tmp_path / "animals"), to="lmdb", out=tmp_path / "packed")


def test_what_is_there_is_not_touched(tmp_path, image_folder):
    image_folder(tmp_path / "animals", {"cat": 3, "dog": 3})
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "mine").touch()
    with pytest.raises(RunError, match=r"packed is not empty \(--out\)"):
        pack_data(str(tmp_path / "animals"), to="webdataset", out=tmp_path / "packed")
    assert (tmp_path / "packed" / "mine").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": "zip"}, r"unknown container 'zip' \(--to\)\n  allowed: webdataset, lmdb, cache"),
        ({"to": "lmdb", "shard_size": "1GB"}, r"--shard-size has no effect: lmdb has no shards"),
        ({"to": "webdataset", "shard_size": "huge"}, r"not a size \(--shard-size\)\n  got: huge\n  allowed: 256MB"),
        ({"to": "webdataset", "shard_size": "0"}, r"not a size"),
        ({"to": "webdataset", "settings": ["model.name=cnn"]}, r"model.name has no effect: packing only reads"),
        ({"to": "lmdb", "settings": ["seed=3"]}, r"seed has no effect: packing only reads"),
        ({"to": "cache", "settings": {"data.cache": "off"}}, r"data.cache has no effect: the pixels go to --out"),
    ],
)
def test_arguments_that_cannot_be_meant(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        pack_data(str(tmp_path), out=tmp_path / "packed", **arguments)


def test_damaged_images_are_refused_or_left_out(tmp_path, image_folder):
    path = image_folder(tmp_path / "animals", {"cat": 3, "dog": 3}) / "cat" / "1.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="1 of 6 images cannot be decoded"):
        pack_data(str(tmp_path / "animals"), to="lmdb", out=tmp_path / "packed")
    done = pack_data(str(tmp_path / "animals"), to="lmdb", out=tmp_path / "packed", settings=["data.on_error=skip"])
    assert done["images"] == len(read(tmp_path / "packed")) == 5
