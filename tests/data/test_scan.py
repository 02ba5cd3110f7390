"""One pass over the files finds checksums, sizes, colors and damage, and the next pass reads only what is new."""

import hashlib
import os
import struct

import numpy as np
import pytest
from PIL import Image

from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import hash_of, scan


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def animals(tmp_path, image_folder):
    return image_folder(tmp_path / "animals", {"cat": 3, "dog": 2}, size=(32, 24))


def read_again(path, damage):
    """Change the bytes of a file without its size and time: only a pass that reads it can notice."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[damage] ^= 0xFF
    path.write_bytes(bytes(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_facts_about_files(cache, animals):
    samples = read(animals)
    facts = scan(samples)
    assert not facts.faults and facts.rows["width"].tolist() == [32] * 5 and facts.rows["height"].tolist() == [24] * 5
    for index, path in enumerate(samples.paths):
        expected = hashlib.sha256((animals / path).read_bytes()).hexdigest()
        assert facts.sha256(index) == hash_of(samples, index) == expected
    assert facts.take(np.array([4, 1])).sha256(0) == facts.sha256(4)


def test_a_second_pass_reads_no_file_again(cache, animals):
    first = scan(read(animals))
    for path in animals.rglob("*.png"):
        read_again(path, 40)
    asked = []
    second = scan(read(animals), lambda done, total: asked.append((done, total)))
    assert np.array_equal(first.rows, second.rows) and not asked


@pytest.mark.parametrize("change", ["time", "size", "name"])
def test_a_changed_file_is_read_again(cache, animals, change):
    first = scan(read(animals))
    path = animals / "cat" / "1.png"
    if change == "time":
        read_again(path, -5)  # in the last chunk, which Pillow does not check
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    elif change == "size":
        before = path.stat()
        path.write_bytes(path.read_bytes() + b"more")
        os.utime(path, ns=(1, before.st_mtime_ns))
    else:
        path = path.rename(path.with_name("9.png"))
    asked = []
    samples = read(animals)
    second = scan(samples, lambda done, total: asked.append((done, total)))
    assert asked == [(1, 1)]
    place = list(samples.paths).index(path.relative_to(animals).as_posix())
    assert second.sha256(place) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (second.sha256(place) == first.sha256(1)) == (change == "name")


@pytest.mark.parametrize("content", ["nothing", "text", "half", "array", "other columns", "zip"])
def test_a_corrupt_cache_is_as_none(cache, animals, content):
    first = scan(read(animals))
    (store,) = (cache / "scan").iterdir()
    raw = store.read_bytes()
    if content == "array":
        with store.open("wb") as file:
            np.save(file, np.zeros(3))
    elif content == "other columns":
        with store.open("wb") as file:
            np.savez(file, block=np.zeros(1, np.uint8), offsets=np.array([0, 1]), rows=np.zeros(1, np.int8))
    else:
        half = raw[: len(raw) // 2]
        store.write_bytes({"nothing": b"", "text": b"hello", "half": half, "zip": b"PK\3\4" + raw[4:90]}[content])
    again = scan(read(animals))
    assert np.array_equal(first.rows, again.rows)
    assert store.stat().st_size > 100, "and it is made anew"


def test_a_bit_flip_in_the_cache_is_noticed(cache, animals):
    first = scan(read(animals))
    (store,) = (cache / "scan").iterdir()
    raw = bytearray(store.read_bytes())
    raw[raw.index(b"cat/0.png")] ^= 1
    store.write_bytes(bytes(raw))
    assert np.array_equal(scan(read(animals)).rows, first.rows)


def test_a_cache_that_cannot_be_written_costs_only_time(cache, animals):
    cache.write_text("a file where the folder should be")
    assert not scan(read(animals)).faults


def write_gray_float(path):
    Image.fromarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)).save(path)


def test_every_kind_of_damage_is_told(cache, animals):
    whole = (animals / "cat" / "0.png").read_bytes()
    (animals / "cat" / "empty.png").write_bytes(b"")
    (animals / "cat" / "half.png").write_bytes(whole[: len(whole) // 2])
    (animals / "cat" / "text.jpg").write_text("hello")
    write_gray_float(animals / "dog" / "float.tif")
    samples = read(animals)
    facts = scan(samples)
    told = {samples.paths[index]: why for index, why in facts.faults.items()}
    assert told == {
        "cat/empty.png": "0 bytes",
        "cat/half.png": "the file is truncated",
        "cat/text.jpg": "5 bytes that no decoder knows",
        "dog/float.tif": "mode F",
    }
    sound = next(index for index in range(len(samples)) if index not in facts.faults)
    assert facts.take(np.array([sound, min(facts.faults)])).faults == {1: facts.faults[min(facts.faults)]}


def test_damaged_files_are_looked_at_again_each_time(cache, animals):
    path = animals / "cat" / "0.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:50] + bytes(len(whole) - 50))
    before = path.stat()
    assert list(scan(read(animals)).faults) == [0]
    path.write_bytes(whole)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not scan(read(animals)).faults


def test_a_file_that_vanished_is_a_fault(cache, animals):
    samples = read(animals)
    (animals / "dog" / "1.png").unlink()
    assert scan(samples).faults == {4: "No such file or directory"} and hash_of(samples, 4) == ""


@pytest.mark.parametrize(
    ("mode", "size", "gray"),
    [
        ("L", (200, 200), True),
        ("1", (20, 20), True),
        ("LA", (20, 20), True),
        ("I;16", (20, 20), True),
        ("RGB of gray", (20, 20), True),
        ("P of gray", (20, 20), True),
        ("RGB", (20, 20), False),
        ("RGBA", (20, 20), False),
        ("RGB of gray", (200, 97), True),
        ("RGB of gray", (400, 300), True),
    ],
)
def test_gray_images(cache, tmp_path, mode, size, gray):
    random = np.random.default_rng(0)
    shades = Image.fromarray(random.integers(0, 256, size[::-1], dtype=np.uint8))
    colors = Image.fromarray(random.integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    image = {
        "I;16": lambda: Image.fromarray(np.asarray(shades).astype(np.uint16) * 256),
        "RGB of gray": lambda: shades.convert("RGB"),
        "P of gray": lambda: shades.convert("P"),
        "RGB": lambda: colors,
        "RGBA": lambda: colors.convert("RGBA"),
    }.get(mode, lambda: shades.convert(mode))()
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        image.save(tmp_path / "data" / name / "0.png")
    facts = scan(read(tmp_path / "data"))
    assert facts.rows["gray"].tolist() == [gray, gray] and facts.rows["width"].tolist() == [size[0]] * 2


def test_size_is_that_of_the_upright_image(cache, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (30, 20)).save(tmp_path / "data" / name / "0.jpg", exif=exif)
    assert scan(read(tmp_path / "data")).rows[["width", "height"]].tolist() == [(20, 30)] * 2


def test_arrays(cache):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 5), dtype=np.uint8)
    samples = Samples.from_arrays(pixels, [0, 1, 0, 1])
    facts = scan(samples)
    assert facts.rows[["width", "height", "gray"]].tolist() == [(5, 6, True)] * 4
    assert facts.sha256(2) == hash_of(samples, 2) == hashlib.sha256(pixels[2].tobytes()).hexdigest()
    assert not scan(Samples.from_arrays(np.zeros((2, 6, 5, 3), np.uint8), [0, 1])).rows["gray"].any()
    assert not cache.exists()


def test_more_files_than_one_chunk(cache, tmp_path):
    head = b"P5 1 1 255\n"
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(1050):
            (tmp_path / "data" / name / f"{number}.pgm").write_bytes(head + struct.pack("B", number % 251))
    asked = []
    samples = read(tmp_path / "data")
    facts = scan(samples, lambda done, total: asked.append((done, total)))
    assert asked[-1] == (2100, 2100) and asked == sorted(set(asked)) and not facts.faults
    assert all(facts.sha256(index) == hash_of(samples, index) for index in (0, 2047, 2048, 2099))
