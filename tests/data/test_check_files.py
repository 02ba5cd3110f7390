"""Rules about files: each fires on its sick sample, names it, and none fires on healthy ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sick_photos import photo
from sightline.data import look


def test_a_healthy_album_has_no_finding(healthy, checked):
    assert checked(healthy) == {}


def test_damage_is_told_by_kind(album, checked):
    whole = (album / "cat" / "000.jpg").read_bytes()
    (album / "cat" / "empty.png").touch()
    (album / "cat" / "torn.jpg").write_bytes(whole[: len(whole) // 2])
    (album / "cat" / "text.jpg").write_text("hello")
    Image.fromarray(np.zeros((9, 9), np.float32)).save(album / "cat" / "float.tif")
    found = checked(album)
    assert {rule: (one.severity, one.paths) for rule, one in found.items()} == {
        "files.empty": ("error", ("cat/empty.png",)),
        "files.truncated": ("error", ("cat/torn.jpg",)),
        "files.damaged": ("error", ("cat/text.jpg",)),
        "pixels.range": ("error", ("cat/float.tif",)),
    }
    assert found["files.empty"].message == "1 file is empty: cat/empty.png"
    assert found["files.empty"].remedy.endswith("-s data.on_error=skip")
    assert found["files.damaged"].evidence == {"count": 1, "reasons": {"5 bytes that no decoder knows": 1}}
    assert "mode F" in found["pixels.range"].remedy


def test_many_files_with_one_fault_are_one_finding(album, checked):
    for number in range(7):
        (album / "dog" / f"empty-{number}.png").touch()
    (found,) = checked(album).values()
    assert found.message.startswith("7 files are empty: dog/empty-0.png, ") and found.message.endswith(" and 4 more")
    assert len(found.paths) == 7


def test_a_file_that_may_not_be_read(album, checked, monkeypatch):
    path = album / "cat" / "002.jpg"
    if os.geteuid() == 0:  # whom no permission stops

        def refuse(name, mode):
            if name == str(path):
                raise PermissionError(13, "Permission denied")
            return Path(name).open(mode)

        monkeypatch.setattr(look, "open", refuse, raising=False)
    else:
        path.chmod(0)
    found = checked(album)["files.unreadable"]
    assert found.paths == ("cat/002.jpg",) and "Permission denied" in found.remedy


def test_a_file_with_more_pixels_than_allowed_is_not_decoded(album, checked):
    photo(900, (300, 200)).save(album / "dog" / "bomb.png")
    assert checked(album) == {}
    found = checked(album, 50_000)["files.large"]
    assert found.paths == ("dog/bomb.png",) and "300 x 200 pixels, more than 50,000" in found.remedy
    assert "files.large" not in checked(album, 60_000), "the limit itself is allowed"


@pytest.mark.parametrize(
    ("rule", "name", "save"),
    [
        ("files.suffix", "really.png", lambda path: photo(900).save(path, "JPEG")),
        ("files.narrow", "banner.png", lambda path: photo(900, (700, 100)).save(path)),
        ("files.tiny", "icon.png", lambda path: photo(900, (20, 15)).save(path)),
        (
            "files.animated",
            "moves.gif",
            lambda path: photo(900).save(path, save_all=True, append_images=[photo(901), photo(902)]),
        ),
    ],
)
def test_odd_files_are_told(album, checked, rule, name, save):
    save(album / "cat" / name)
    found = checked(album)
    assert found[rule].paths == (f"cat/{name}",) and found[rule].severity != "error"
    assert set(found) <= {rule, "pixels.palette"}


def test_small_pictures_that_are_all_small_are_not_tiny(tmp_path, checked):
    for number in range(40):
        folder = tmp_path / "icons" / ("a", "b")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        photo(number, (28, 28)).save(folder / f"{number}.png")
    assert "files.tiny" not in checked(tmp_path / "icons")


def test_names_of_any_length_and_script_work(album, checked):
    for number, name in enumerate(("ä鸭.jpg", "n" * 250 + ".jpg", "<img src=x onerror=alert(1)>.jpg")):
        photo(800 + number).save(album / "cat" / name)
    assert checked(album) == {}
    photo(900).save(album / "cat" / "line\nbreak.jpg")
    with Path(os.fsdecode(os.fsencode(album / "cat") + b"/bad\xff.jpg")).open("wb") as file:
        photo(901).save(file, "JPEG")
    found = checked(album)["files.names"]
    assert found.severity == "note" and set(found.paths) == {"cat/bad\\udcff.jpg", "cat/line\\nbreak.jpg"}


def test_what_is_passed_over_is_told(album, checked):
    (album / "README").write_text("hello")
    (album / "cat" / ".thumbs").mkdir()
    found = checked(album)["files.ignored"]
    assert found.severity == "note" and set(found.paths) == {"README", "cat/.thumbs/"}
    assert found.quarantined() == ()
