"""Images that a table names take no part, and a table that does not fit is refused."""

import os
from pathlib import Path

import pytest

from sick_photos import photo
from sightline.data.check.facts import Facts
from sightline.data.check.rules import check
from sightline.data.exclude import excluded, write_quarantine
from sightline.data.read import read
from sightline.data.scan import scan
from sightline.errors import DataError


def test_the_quarantine_of_a_check_is_what_is_left_out(album, tmp_path):
    (album / "cat" / "empty.png").touch()
    (album / "cat" / "notes.txt").write_text("no sample")
    (album / "dog" / "twin.jpg").write_bytes((album / "cat" / "000.jpg").read_bytes())
    photo(900).convert("L").save(album / "dog" / "gray.png")
    samples = read(album)
    table = tmp_path / "quarantine.csv"
    assert write_quarantine(table, check(Facts(samples, scan(samples))), samples) == 3
    assert table.read_text() == (
        "path,rule,severity\n"
        "cat/empty.png,files.empty,error\n"
        "cat/000.jpg,duplicates.two_labels,warning\n"
        "dog/twin.jpg,duplicates.two_labels,warning\n"
    )
    kept = excluded(samples, table)
    assert set(samples.paths) - set(kept.paths) == {"cat/empty.png", "cat/000.jpg", "dog/twin.jpg"}
    assert "dog/gray.png" in set(kept.paths), "notes are no reason to leave an image out"


def test_names_that_are_no_text_find_their_way_back(album, tmp_path):
    for name in (b"/bad\xff.jpg", b"/line\nbreak.jpg", b'/a,"b".jpg'):
        with Path(os.fsdecode(os.fsencode(album / "cat") + name)).open("wb") as file:
            file.write(b"")
    samples = read(album)
    write_quarantine(tmp_path / "q.csv", check(Facts(samples, scan(samples))), samples)
    assert len(excluded(samples, tmp_path / "q.csv")) == len(samples) - 3


def test_an_empty_table_leaves_out_nothing(album, tmp_path):
    samples = read(album)
    assert write_quarantine(tmp_path / "q.csv", [], samples) == 0
    assert excluded(samples, tmp_path / "q.csv") is samples


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("file,rule\ncat/000.jpg,x\n", "has no path column"),
        ("", "an empty file"),
        ("path\ncat/000.jpg\ncat/nowhere.jpg\n", "1 of the 2 images in q.csv are not in the data"),
        (b"\xff\xfe\0path", "cannot read"),
        (None, "No such file"),
        ("path\n" + "".join(f"cat/{number:03d}.jpg\n" for number in range(0, 60, 2)), "no image of these classes"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(album, tmp_path, content, words):
    if content is not None:
        (tmp_path / "q.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        excluded(read(album), tmp_path / "q.csv")
    assert words in str(caught.value) and "data.exclude" in str(caught.value)
