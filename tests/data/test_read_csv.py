"""A CSV of paths and labels becomes samples, or one message names every line that is wrong."""

import shutil

import numpy as np
import pytest

from sightline.data.read import read
from sightline.data.samples import PARTS, UNASSIGNED
from sightline.errors import ConfigError, DataError, SplitError


@pytest.fixture
def photos(tmp_path, image_folder):
    return image_folder(tmp_path, {"p": 6})


def table(folder, *lines, name="data.csv", encoding="utf-8"):
    (folder / name).write_text("\n".join(lines) + "\n", encoding=encoding)
    return folder / name


@pytest.mark.parametrize("path", ["path", "image_id", "filename", "Path"])
@pytest.mark.parametrize("label", ["label", "class", "target", " LABEL "])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_names_of_columns_and_delimiters(photos, path, label, delimiter):
    rows = [(path, "note", label), ("p/0.png", "x y", "dog"), ("p/1.png", "", "cat"), ("./p/2.png", "z", " dog ")]
    samples = read(table(photos, *(delimiter.join(row) for row in rows)))
    assert list(samples.paths) == ["p/0.png", "p/1.png", "p/2.png"]
    assert samples.classes == ("cat", "dog") and samples.labels.tolist() == [1, 0, 1]
    assert samples.root == photos and samples.format == "csv"
    assert (samples.parts == UNASSIGNED).all()
    assert samples.groups is None and samples.weights is None and samples.group_names == ()


def test_a_byte_order_mark_quotes_blank_lines_and_other_line_ends(photos):
    text = '"path","label"\r\n\r\n"p/0.png","a, ""b"""\r\np/1.png,größe\r\n'
    (photos / "data.csv").write_bytes(text.encode("utf-8-sig"))
    assert read(photos / "data.csv").classes == ('a, "b"', "größe")


def test_split_group_and_weight(photos):
    samples = read(
        table(
            photos, "path,label,split,group,weight",
            "p/0.png,cat,Train,ann,1", "p/1.png,dog,TRAIN,bob,0", "p/2.png,cat,valid,ann,2.5",
            "p/3.png,dog,Validation,cy,1e3", "p/4.png,cat,test,dee,1", "p/5.png,dog,test,ann,1",
        )
    )  # fmt: skip
    assert [PARTS[part] for part in samples.parts] == ["train", "train", "val", "val", "test", "test"]
    assert samples.group_names == ("ann", "bob", "cy", "dee")
    assert samples.groups is not None and samples.groups.tolist() == [0, 1, 0, 2, 3, 0]
    assert samples.weights is not None and samples.weights.tolist() == [1, 0, 2.5, 1000, 1, 1]
    assert samples.labels.dtype == np.int32 and samples.weights.dtype == np.float32


def test_an_empty_split_column_gives_no_parts(photos):
    samples = read(table(photos, "path,label,split", "p/0.png,cat,", "p/1.png,dog,"))
    assert (samples.parts == UNASSIGNED).all()


def test_paths_relative_to_a_root_and_absolute_ones(tmp_path, photos, image_folder):
    other = image_folder(tmp_path / "other", {"q": 2})
    path = table(photos, "path,label", "q/0.png,cat", f"{photos}/p/0.png,dog", f"{other}/q/1.png,dog")
    samples = read(path, root=str(other))
    assert samples.root == other
    assert list(samples.paths) == ["q/0.png", str(photos / "p" / "0.png"), "q/1.png"]
    assert all(samples.file(i).is_file() for i in range(3))


@pytest.mark.parametrize("prefix", ["", "trash/"])
def test_paths_relative_to_an_archive(tmp_path, image_folder, prefix):
    image_folder(tmp_path / "made" / "trash", {"cat": 1, "dog": 1})
    shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "made")
    path = table(tmp_path, "path,label", f"{prefix}cat/0.png,cat", f"{prefix}dog/0.png,dog")
    samples = read(path, root=str(tmp_path / "photos.zip"))
    assert list(samples.paths) == ["trash/cat/0.png", "trash/dog/0.png"]
    assert samples.file(1).read_bytes() == (tmp_path / "made" / "trash" / "dog" / "0.png").read_bytes()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id,label", "data.csv has no path column (*)\n  got: columns id, label\n  allowed: path, image_id, filename"),
        ("path;kind", "data.csv has no label column (*)\n  got: columns path, kind\n  allowed: label, class, target"),
        ("", "data.csv has no path column (*)\n  got: no header\n  allowed: path, image_id, filename"),
    ],
)
def test_missing_columns(photos, header, message):
    path = table(photos, header, "p/0.png,cat")
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(message.replace("*", str(path)))


def test_a_column_twice(photos):
    with pytest.raises(DataError, match=r"data.csv names a column twice .*\n  got: label"):
        read(table(photos, "path,label,label", "p/0.png,a,b"))


def test_missing_files_are_counted_and_the_first_five_listed(photos):
    rows = [f"p/{number}.png,{'cat' if number % 2 else 'dog'}" for number in range(14)]
    with pytest.raises(DataError) as caught:
        read(table(photos, "path,label", *rows))
    assert str(caught.value) == (
        f"8 of 14 files in data.csv are missing (below {photos})\n"
        "  got: p/6.png, p/7.png, p/8.png, p/9.png, p/10.png and 3 more\n"
        "  next: paths include the file ending; data.root names the folder or archive that they are relative to"
    )


def test_every_faulty_line_is_named_in_one_message(photos):
    path = table(
        photos, "path,label,split,group,weight",
        "p/0.png,cat,train,a,1", "p/1.png,,train,a,1", "p/2.png,dog,holdout,a,1", "p/3.png,dog,train,,1",
        "p/4.png,dog,train,a,-1", "p/5.png,dog,train,a,nan", ",dog,train,a,1", "p/0.png,dog,train,a,inf", "p/1.png,dog",
    )  # fmt: skip
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        f"data.csv has faulty rows ({path})\n"
        "  got: no label: line 3; unknown split: line 4 ('holdout'); no group: line 5; "
        "weight is no number from 0 up: line 6 ('-1'), line 7 ('nan'), line 9 ('inf'); no path: line 8; "
        "not 5 fields: line 10 (2); path listed with two labels: lines 2, 9 ('p/0.png': cat, dog)\n"
        "  allowed: test, testing, train, training, val, valid, validation\n"
        "  next: correct these rows: one row per image, with every field filled in"
    )


def test_lines_are_counted_as_an_editor_counts_them(photos):
    with pytest.raises(DataError, match=r"no label: line 5"):
        read(table(photos, "path,label,note", 'p/0.png,cat,"two', 'lines"', "", "p/1.png,,x"))


def test_the_same_path_in_two_spellings_is_noticed(photos):
    with pytest.raises(DataError, match=r"path listed twice: lines 2, 4 \('p/0.png': cat\)"):
        read(table(photos, "path,label", "p/0.png,cat", "p/1.png,dog", f"{photos}/p/../p/0.png,cat"))


def test_either_all_rows_have_a_split_or_none(photos):
    with pytest.raises(DataError, match=r"no split, though other rows have one: line 3, line 4"):
        read(table(photos, "path,label,split", "p/0.png,cat,train", "p/1.png,dog,", "p/2.png,dog,"))


def test_parts_with_other_classes(photos):
    rows = ["p/0.png,cat,train", "p/1.png,dog,train", "p/2.png,cat,val", "p/3.png,owl,test", "p/4.png,dog,test"]
    with pytest.raises(SplitError) as caught:
        read(table(photos, "path,label,split", *rows))
    assert "got: val lacks 'dog'; test lacks 'cat'; test has 'owl', which train lacks" in str(caught.value)


@pytest.mark.parametrize("text", ["path,label\n", "path,label"])
def test_a_header_alone(photos, text):
    (photos / "data.csv").write_text(text)
    with pytest.raises(DataError, match=r"no images in data.csv .*\n  got: a header and no rows"):
        read(photos / "data.csv")


def test_one_class(photos):
    with pytest.raises(DataError, match=r"there is only one class: 'cat'"):
        read(table(photos, "path,label", "p/0.png,cat", "p/1.png,cat"))


def test_another_encoding_is_named(photos):
    with pytest.raises(DataError, match=r"cannot read data.csv as CSV .*\n  got: 'utf-8' codec"):
        read(table(photos, "path,label", "p/0.png,größe", encoding="latin-1"))


def test_a_root_that_is_missing_or_has_no_effect(photos, image_folder, tmp_path):
    with pytest.raises(DataError, match=r"the folder or archive nowhere does not exist \(data.root\)"):
        read(table(photos, "path,label", "p/0.png,cat"), root="nowhere")
    folder = image_folder(tmp_path / "animals", {"cat": 1, "dog": 1})
    with pytest.raises(ConfigError, match=r"data.root has no effect with the reader folders"):
        read(folder, root=str(photos))
