"""Pixels that are kept are those that would be made, whoever built the cache, however often it was interrupted."""

import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.data.cache import default_folder, open_cache, packed, shards
from sightline.data.cache_build import build_cache
from sightline.data.contract import Contract
from sightline.data.kept import Form, ImagesInMemory
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import hash_of, scan
from sightline.errors import ChangedDataError, ImageError, RunError

ALL = np.arange(10)


def contract(**changes):
    plain = {
        "classes": ("cat", "dog"), "color": "rgb", "height": 16, "width": 16, "resize": "crop", "shorter": 18,
        "interpolation": "bicubic", "mean": (0.5,) * 3, "std": (0.25,) * 3,
    }  # fmt: skip
    return Contract(**plain | changes)


@pytest.fixture
def animals(tmp_path):
    random = np.random.default_rng(0)
    for number in range(5):
        for name, (width, height) in {"cat": (24 + number, 20), "dog": (30, 60 - 3 * number)}.items():
            path = tmp_path / "animals" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    return read(tmp_path / "animals")


def hashes_of(samples):
    return packed(scan(samples).rows["sha256"])


def test_checksums_as_text_and_as_bytes_are_the_same_column(animals):
    rows = scan(animals)
    text = packed([rows.sha256(index) for index in range(10)])
    assert text.tobytes() == packed(rows.rows["sha256"]).tobytes()
    assert text[3].tobytes().hex() == hash_of(animals, 3)


@pytest.mark.parametrize(
    "changes", [{}, {"resize": "squash"}, {"resize": "pad", "color": "gray", "mean": (0,), "std": (1,)}]
)
def test_kept_frames_are_exactly_what_the_contract_makes(animals, tmp_path, changes):
    own = contract(**changes)
    images = build_cache(animals, own, folder=tmp_path / "c")
    assert not images.absent(ALL).any()
    for index in ALL:
        assert np.array_equal(images.image(index), own.read(animals.file(index)))


def test_whole_images_are_made_smaller_and_never_larger(animals, tmp_path):
    images = build_cache(animals, contract(), side=25, folder=tmp_path / "c")
    for index in ALL:
        with Image.open(animals.file(index)) as image:
            width, height = image.size
            small = min(width, height) <= 25
            expected = image if small else image.resize((25, round(height * 25 / 30)), Image.Resampling.BICUBIC)
            assert np.array_equal(images.image(index), np.asarray(expected))
    form, rows = Form(contract(), 25), scan(animals).rows
    assert form.bytes_of(rows["width"], rows["height"]) == sum(images.image(i).size for i in ALL)


def test_a_second_opening_finds_everything_and_writes_nothing(animals, tmp_path):
    folder, hashes = tmp_path / "c", hashes_of(animals)
    build_cache(animals, contract(), hashes=hashes, folder=folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for path in animals.root.rglob("*.png"):
        path.unlink()
    again = build_cache(animals, contract(), hashes=hashes, folder=folder)
    assert not again.absent(ALL).any()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_only_what_is_missing_is_added_and_equal_images_are_kept_once(animals, tmp_path):
    folder = tmp_path / "c"
    (animals.root / "dog" / "9.png").write_bytes((animals.root / "cat" / "0.png").read_bytes())
    samples = read(animals.root)
    build_cache(samples, contract(), indices=np.arange(4), folder=folder)
    images = build_cache(samples, contract(), folder=folder)
    assert sorted(len(rows) for rows, _ in shards(folder, Form(contract()))) == [4, 6]
    assert np.array_equal(images.image(10), images.image(0)) and images.image(10).any()


def test_other_contracts_do_not_meet_but_scale_and_classes_do_not_matter(animals, tmp_path):
    build_cache(animals, contract(), folder=tmp_path)
    hashes = hashes_of(animals)
    same = contract(mean=(0.1,) * 3, classes=("dog", "cat"))
    assert not open_cache(animals, hashes, Form(same), tmp_path).absent(ALL).any()
    for other in (Form(contract(shorter=17)), Form(contract(interpolation="bilinear")), Form(contract(), 16)):
        assert open_cache(animals, hashes, other, tmp_path).absent(ALL).all()


def test_what_is_not_kept_is_made_in_the_same_form(animals, tmp_path):
    hashes = hashes_of(animals)
    for side in (None, 25):
        nothing = open_cache(animals, hashes, Form(contract(), side), tmp_path / "none")
        some = build_cache(animals, contract(), side=side, indices=ALL[3:7], folder=tmp_path / "c")
        every = build_cache(animals, contract(), side=side, folder=tmp_path / "e")
        assert nothing.absent(ALL).all() and some.absent(ALL).sum() == 6
        for index in ALL:
            assert np.array_equal(nothing.image(index), every.image(index))
            assert np.array_equal(some.image(index), every.image(index))


def test_arrays_that_have_the_form_are_used_where_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    samples = Samples.from_arrays(pixels, [0, 1] * 3)
    images = build_cache(samples, contract(shorter=16), folder=tmp_path / "c")
    assert isinstance(images, ImagesInMemory) and not (tmp_path / "c").exists()
    assert np.shares_memory(images.image(2), pixels)
    other = build_cache(samples, contract(), folder=tmp_path / "c")
    assert np.array_equal(other.image(2), contract().pixels(pixels[2]))


def test_kept_pixels_cannot_be_written_to(animals, tmp_path):
    image = build_cache(animals, contract(), folder=tmp_path / "c").image(0)
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def test_a_file_that_changed_since_its_checksum_was_made_is_refused(animals, tmp_path):
    hashes = hashes_of(animals)
    Image.new("RGB", (20, 20)).save(animals.file(3))
    with pytest.raises(ChangedDataError, match=r"an image changed while it was read"):
        build_cache(animals, contract(), hashes=hashes, folder=tmp_path / "c")
    assert list(shards(tmp_path / "c", Form(contract()))) == []


def test_a_damaged_image_is_named(animals, tmp_path):
    animals.file(3).write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"cat/3.png is not an image"):
        build_cache(animals, contract(), folder=tmp_path / "c")


@pytest.mark.parametrize("spoil", ["cut pixels", "cut index", "no index", "no pixels", "foreign index"])
def test_a_shard_that_is_not_whole_counts_for_nothing_and_is_made_again(animals, tmp_path, spoil):
    folder, hashes = tmp_path / "c", hashes_of(animals)
    good = build_cache(animals, contract(), hashes=hashes, folder=folder)
    expected = [good.image(index).copy() for index in ALL]
    (index,), (pixels,) = folder.rglob("*.npy"), folder.rglob("*.u8")
    if spoil.startswith("cut"):
        path = pixels if spoil == "cut pixels" else index
        path.write_bytes(path.read_bytes()[:-1])
    elif spoil == "foreign index":
        np.save(index, np.zeros(3))
    else:
        (index if spoil == "no index" else pixels).unlink()
    assert open_cache(animals, hashes, Form(contract()), folder).absent(ALL).all()
    again = build_cache(animals, contract(), hashes=hashes, folder=folder)
    assert all(np.array_equal(again.image(index), expected[index]) for index in ALL)
    assert len(list(folder.rglob("*.u8"))) == len(list(folder.rglob("*.npy"))) == 1


def test_a_large_build_ends_in_several_shards(animals, tmp_path, monkeypatch):
    monkeypatch.setattr("sightline.data.cache_build.SHARD", 3 * 16 * 16 * 3)
    images = build_cache(animals, contract(), folder=tmp_path / "c")
    assert sorted(len(rows) for rows, _ in shards(tmp_path / "c", Form(contract()))) == [1, 3, 3, 3]
    for places, frames in images.frames(ALL):
        for place, frame in zip(places, frames, strict=True):
            assert np.array_equal(frame, contract().read(animals.file(int(place))))


BUILD = """
import sys
from pathlib import Path
import numpy as np
from sightline.data import cache_build
from sightline.data.contract import Contract
from sightline.data.read import read
cache_build.SHARD = 40_000
own = Contract(classes=("cat", "dog"), color="rgb", height=64, width=64, resize="squash", shorter=64,
               interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3)
samples = read(Path(sys.argv[1]))
images = cache_build.build_cache(samples, own, folder=Path(sys.argv[2]), progress=lambda *_: None)
print("ready", flush=True)
assert all(np.array_equal(images.image(i), own.read(samples.file(i))) for i in range(len(samples)))
assert not images.absent(np.arange(len(samples))).any()
"""


def start(data: Path, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(data), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_build_leaves_no_poison_and_what_it_finished_is_used(tmp_path, image_folder):
    data, folder = image_folder(tmp_path / "data", {"cat": 150, "dog": 150}, size=(96, 96)), tmp_path / "c"
    for kept in (1, 4):
        process = start(data, folder)
        while process.poll() is None and len(list(folder.rglob("*.npy"))) < kept:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert len(list(folder.rglob("*.npy"))) >= kept
    before = set(folder.rglob("*.npy"))
    process = start(data, folder)
    assert process.communicate()[1] == "" and process.returncode == 0
    assert before < set(folder.rglob("*.npy")) and not list(folder.rglob(".*.part"))


def test_several_processes_build_and_read_at_once(tmp_path, image_folder):
    data, folder = image_folder(tmp_path / "data", {"cat": 40, "dog": 40}, size=(64, 64)), tmp_path / "c"
    processes = [start(data, folder) for _ in range(3)]
    for process in processes:
        assert process.communicate()[1] == "" and process.returncode == 0
    (form,) = (path.parent for path in folder.rglob("form.json"))
    kept = sum(len(np.load(index)) for index in form.glob("*.npy"))
    assert kept == 80


def test_a_folder_that_cannot_be_written_is_said(animals, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match="cannot write"):
        build_cache(animals, contract(), folder=tmp_path / "file" / "c")


def test_the_folder_moves_with_the_environment(monkeypatch, tmp_path, animals):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "elsewhere"))
    assert default_folder() == tmp_path / "elsewhere" / "pixels"
    build_cache(animals, contract())
    assert list((tmp_path / "elsewhere" / "pixels").rglob("*.u8"))


def test_processes_that_were_forked_read_the_same_pixels(animals, tmp_path):
    images = build_cache(animals, contract(), folder=tmp_path / "c")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        seen = pool.map(images.image, range(10))
    assert all(np.array_equal(one, images.image(index)) for index, one in enumerate(seen))
