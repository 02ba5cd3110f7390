"""Archives are unpacked once, whole or not at all, and never outside their folder."""

import io
import multiprocessing
import os
import re
import shutil
import signal
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sightline.data.formats.archive import unpacked
from sightline.data.image import read_image
from sightline.data.read import read
from sightline.errors import DataError, RunError, SplitError
from sightline.files import sha256_of


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SIGHTLINE_CACHE", str(folder))
    return folder


def packed(folder: Path, ending: str) -> Path:
    kind = {".zip": "zip", ".tar": "tar", ".tar.gz": "gztar", ".tgz": "gztar", ".TAR.GZ": "gztar"}[ending]
    made = Path(shutil.make_archive(str(folder.with_name("made")), kind, folder))
    return made.rename(folder.with_name("animals" + ending))


def tar_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        good = tarfile.TarInfo("cat/good.png")
        good.size = 3
        archive.addfile(good, io.BytesIO(b"abc"))
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tgz", ".TAR.GZ"])
def test_an_archive_reads_as_the_folder_it_was_made_of(tmp_path, cache, image_folder, ending):
    folder = image_folder(tmp_path / "animals", {"cat": 3, "dog": 2}, parts=("train", "val"))
    plain, samples = read(folder), read(packed(folder, ending))
    assert list(samples.paths) == list(plain.paths) and samples.classes == plain.classes
    assert samples.labels.tolist() == plain.labels.tolist() and samples.parts.tolist() == plain.parts.tolist()
    assert all(samples.file(i).read_bytes() == plain.file(i).read_bytes() for i in range(len(plain)))
    assert samples.root.is_relative_to(cache) and samples.ignored == ()


def test_the_second_read_unpacks_nothing(tmp_path, cache, image_folder):
    archive = packed(image_folder(tmp_path / "animals", {"cat": 1, "dog": 1}), ".zip")
    first = read(archive)
    (first.root / "dog" / "1.png").write_bytes(first.file(0).read_bytes())
    assert len(read(archive)) == 3


def test_the_cache_is_keyed_by_content(tmp_path, cache, image_folder):
    archive = packed(image_folder(tmp_path / "animals", {"cat": 1, "dog": 1}), ".zip")
    place = unpacked(archive)
    assert place == cache / "archives" / sha256_of(archive) / "files"
    assert unpacked(shutil.copy(archive, tmp_path / "other.zip") and tmp_path / "other.zip") == place
    image_folder(tmp_path / "animals", {"cat": 2})
    assert unpacked(packed(tmp_path / "animals", ".zip")) != place


def test_a_half_unpacked_folder_is_never_used(tmp_path, cache, image_folder):
    archive = packed(image_folder(tmp_path / "animals", {"cat": 3, "dog": 2}), ".zip")
    place = unpacked(archive)
    (place.parent / "complete.json").unlink()
    shutil.rmtree(place / "cat")
    leftover = place.parent.with_name(f".{place.parent.name}.part")
    leftover.mkdir()
    (leftover / "old").write_text("x")
    assert len(read(archive)) == 5
    assert not leftover.exists()


def test_many_processes_at_once(tmp_path, cache, image_folder):
    archive = packed(image_folder(tmp_path / "animals", {"cat": 20, "dog": 20}), ".tar.gz")
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(_count, [archive] * 8) == [40] * 8


def _count(archive: Path) -> int:
    return len(read(archive))


def test_a_kill_while_unpacking_leaves_nothing_that_is_used(tmp_path, cache):
    archive, pixels = tmp_path / "big.zip", np.random.default_rng(0).bytes(200_000)
    with zipfile.ZipFile(archive, "w") as made:
        for number in range(200):
            made.writestr(f"{'cat' if number % 2 else 'dog'}/{number}.png", pixels)
    for delay in (0.02, 0.05, 0.1, 0.2):
        process = multiprocessing.get_context("fork").Process(target=unpacked, args=(archive,))
        process.start()
        time.sleep(delay)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        place = cache / "archives" / sha256_of(archive)
        whole = len(list(place.glob("files/*/*.png"))) == 200
        assert whole or not place.exists()
    samples = read(archive)
    assert len(samples) == 200
    assert {samples.file(i).stat().st_size for i in range(200)} == {200_000}


EVIL = {
    "absolute": (member("/etc/evil.png"), "an absolute path"),
    "windows": (member("C:\\evil.png"), "an absolute path"),
    "dots": (member("../evil.png"), r"a path with '\.\.'"),
    "inner dots": (member("cat/../../evil.png"), r"a path with '\.\.'"),
    "back dots": (member("cat\\..\\..\\evil.png"), r"a path with '\.\."),
    "symbolic link out": (member("cat/evil.png", tarfile.SYMTYPE, "../../evil"), "outside the folder"),
    "absolute link": (member("cat/evil.png", tarfile.SYMTYPE, "/etc/passwd"), "leads to the absolute path"),
    "hard link out": (member("cat/evil.png", tarfile.LNKTYPE, "../evil"), "outside the folder"),
    "folder link": (member("evil.png", tarfile.SYMTYPE, "cat"), "a link to 'cat', which is no file in the archive"),
    "link to itself": (member("evil.png", tarfile.SYMTYPE, "evil.png"), "which is no file in the archive"),
    "device": (member("cat/evil.png", tarfile.CHRTYPE), "a device or pipe"),
    "pipe": (member("cat/evil.png", tarfile.FIFOTYPE), "a device or pipe"),
}


@pytest.mark.parametrize("name", EVIL)
def test_members_that_would_leave_the_folder_are_refused_by_name(tmp_path, cache, name):
    evil, reason = EVIL[name]
    with pytest.raises(DataError, match=r"evil.png") as caught:
        read(tar_of(tmp_path / "evil.tar", evil))
    assert caught.match(f"which could write outside its folder\n  got: .*{reason}")
    assert not list(cache.rglob("*.png")) and not list(tmp_path.rglob("evil.png"))


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "cat/..\\..\\evil.png"])
def test_the_same_in_a_zip(tmp_path, cache, name):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as made:
        made.writestr("cat/good.png", b"abc")
        made.writestr(name, b"abc")
    with pytest.raises(DataError, match=r"evil.png', which could write outside its folder"):
        read(tmp_path / "evil.zip")
    assert not list(cache.rglob("*.png"))


def test_a_link_in_a_zip_that_leads_out_is_refused(tmp_path, cache):
    link = zipfile.ZipInfo("cat/evil.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as made:
        made.writestr(link, "../../../secret")
    with pytest.raises(DataError, match=r"a link to .*secret', outside the folder"):
        read(tmp_path / "evil.zip")


def test_links_to_files_in_the_archive_become_those_files(tmp_path, cache, image_folder):
    folder = image_folder(tmp_path / "animals", {"cat": 2, "dog": 1})
    (folder / "dog" / "1.png").symlink_to("../cat/0.png")
    (folder / "dog" / "2.png").symlink_to("1.png")
    (folder / "dog" / "3.png").hardlink_to(folder / "cat" / "1.png")
    samples = read(packed(folder, ".tar"))
    assert samples.counts().tolist() == [2, 4]
    content = [samples.file(i).read_bytes() for i in range(len(samples))]
    assert content[3] == content[4] == content[0] and content[5] == content[1]
    assert not any(samples.file(i).is_symlink() for i in range(len(samples)))


def test_an_archive_larger_than_the_disk_is_refused(tmp_path, cache):
    bomb = tarfile.TarInfo("cat/bomb.png")
    bomb.size = 1 << 60
    (tmp_path / "bomb.tar").write_bytes(bomb.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match=r"bomb\.tar needs 1152921504\.6 GB or more unpacked and .* GB is free"):
        read(tmp_path / "bomb.tar")


def test_a_zip_that_declares_more_than_the_disk_is_refused(tmp_path, cache):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w") as made:
        for number in range(5000):
            made.writestr(f"cat/{number}.png", b"x")
    raw = (tmp_path / "bomb.zip").read_bytes()
    start = raw.index(b"PK\x01\x02")
    records = re.sub(rb"(?<=PK\x01\x02.{20}).{4}", b"\xfe\xff\xff\xff", raw[start:], flags=re.DOTALL)
    (tmp_path / "bomb.zip").write_bytes(raw[:start] + records)
    with pytest.raises(DataError, match=r"bomb\.zip needs .* GB or more unpacked and .* GB is free"):
        read(tmp_path / "bomb.zip")
    assert not list(cache.rglob("*.png"))


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_cut_archive_is_named_and_leaves_nothing(tmp_path, cache, image_folder, ending, share):
    whole = packed(image_folder(tmp_path / "animals", {"cat": 9, "dog": 9}, size=(64, 64)), ending)
    cut = tmp_path / ("cut" + ending)
    cut.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    with pytest.raises(DataError, match=f"cut{ending} is no archive that can be unpacked"):
        read(cut)
    assert not list(cache.rglob("*.png")) and not list(cache.rglob("complete.json"))


def test_a_flipped_byte_is_noticed(tmp_path, cache, image_folder):
    whole = bytearray(packed(image_folder(tmp_path / "animals", {"cat": 3, "dog": 3}), ".zip").read_bytes())
    whole[400] ^= 0xFF
    (tmp_path / "bad.zip").write_bytes(whole)
    with pytest.raises(DataError, match=r"bad.zip is no archive that can be unpacked"):
        read(tmp_path / "bad.zip")


def test_an_encrypted_zip_is_named(tmp_path, cache, image_folder):
    raw = bytearray(packed(image_folder(tmp_path / "animals", {"cat": 1, "dog": 1}), ".zip").read_bytes())
    at = raw.index(b"cat/0.png") - 30
    raw[at + 6] |= 1
    central = raw.index(b"PK\x01\x02", at)
    while b"cat/0.png" not in raw[central : central + 60]:
        central = raw.index(b"PK\x01\x02", central + 4)
    raw[central + 8] |= 1
    (tmp_path / "secret.zip").write_bytes(raw)
    with pytest.raises(DataError, match=r"secret.zip is no archive.*\n  got: .*encrypted"):
        read(tmp_path / "secret.zip")


def test_a_fault_inside_names_the_archive_and_not_the_cache(tmp_path, cache, image_folder):
    folder = image_folder(tmp_path / "animals", {"train/cat": 1, "train/dog": 1, "val/cat": 1})
    with pytest.raises(SplitError, match=r"val lacks 'dog'") as caught:
        read(packed(folder, ".zip"))
    assert "animals.zip" in str(caught.value) and str(cache) not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, image_folder):
    archive = packed(image_folder(tmp_path / "animals", {"cat": 1, "dog": 1}), ".zip")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "file"))
    with pytest.raises(RunError, match=r"cannot write"):
        read(archive)


def test_the_real_photos(shared_data, own_cache):
    samples = read(shared_data / "trashnet-384x288.zip")
    assert samples.classes == ("cardboard", "glass", "metal", "paper", "plastic", "trash")
    assert samples.counts().tolist() == [403, 501, 410, 594, 482, 137]
    assert samples.ignored == ("trashnet/LICENSE.txt",)
    assert read_image(samples.file(0)).size == (384, 288)
