"""Class folders become samples; what is no class never becomes one."""

import os

import pytest
from torchvision.datasets import ImageFolder

from sightline.data.read import read
from sightline.data.samples import PARTS, UNASSIGNED
from sightline.errors import DataError, SplitError


def test_classes_and_labels_are_those_of_torchvision(tmp_path, image_folder):
    image_folder(tmp_path, {"dog": 4, "Cat": 3, "10": 2, "2": 2, "a b": 1, "a": 1})
    samples, oracle = read(tmp_path), ImageFolder(str(tmp_path))
    assert list(samples.classes) == oracle.classes
    theirs = {os.path.relpath(path, tmp_path): label for path, label in oracle.samples}
    assert dict(zip(samples.paths, samples.labels.tolist(), strict=True)) == theirs
    assert list(samples.paths) == sorted(theirs)
    assert (samples.parts == UNASSIGNED).all()
    assert samples.format == "folders" and samples.root == tmp_path and samples.ignored == ()


def test_two_reads_give_the_same(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 3, "dog": 4})
    one, two = read(str(tmp_path)), read(tmp_path)
    assert list(one.paths) == list(two.paths) and one.labels.tolist() == two.labels.tolist()


@pytest.mark.parametrize("val", ["val", "valid", "validation", "VAL", "Validation"])
def test_part_folders_in_any_case(tmp_path, image_folder, val):
    image_folder(tmp_path, {"cat": 2, "dog": 1}, parts=("Train", val, "TEST"))
    samples = read(tmp_path)
    assert samples.classes == ("cat", "dog")
    for path, part in zip(samples.paths, samples.parts, strict=True):
        assert {"Train": "train", val: "val", "TEST": "test"}[path.split("/")[0]] == PARTS[part]
    assert [len(samples.part(part)) for part in PARTS] == [3, 3, 3]
    assert list(samples.paths) == sorted(samples.paths)


def test_only_a_train_and_a_test_part(tmp_path, image_folder):
    samples = read(image_folder(tmp_path, {"cat": 2, "dog": 1}, parts=("train", "test")))
    assert [len(samples.part(part)) for part in PARTS] == [3, 0, 3]


def test_nested_files_belong_to_their_class_folder_and_paths_stay_sorted(tmp_path, image_folder):
    image_folder(tmp_path, {"cat/indoor/lamp": 2, "cat/in": 1, "cat/in.side": 1, "cat": 2, "dog": 1})
    samples = read(tmp_path)
    assert samples.classes == ("cat", "dog")
    assert samples.counts().tolist() == [6, 1]
    assert list(samples.paths) == sorted(samples.paths)


def test_endings_in_any_case(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1}, suffix=".JPG")
    image_folder(tmp_path, {"cat": 1}, suffix=".PnG")
    assert list(read(tmp_path).paths) == ["cat/0.JPG", "cat/0.PnG", "dog/0.JPG"]


def test_stray_files_are_listed_once_and_never_become_classes(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1, ".ipynb_checkpoints": 1, "__MACOSX": 1, "cat/.hidden": 1, "@eaDir": 1})
    image_folder(tmp_path, {"": 1})
    for name in (
        ".DS_Store",
        "Thumbs.db",
        "labels.txt",
        "cat/.DS_Store",
        "cat/._0.png",
        "cat/0.txt",
        "dog/desktop.ini",
    ):
        (tmp_path / name).write_bytes(b"x")
    samples = read(tmp_path)
    assert samples.classes == ("cat", "dog") and len(samples) == 2
    stray = ".DS_Store .ipynb_checkpoints/ 0.png @eaDir/ Thumbs.db __MACOSX/ labels.txt"
    inner = "cat/.DS_Store cat/._0.png cat/.hidden/ cat/0.txt dog/desktop.ini"
    assert samples.ignored == tuple(sorted(f"{stray} {inner}".split()))


def test_files_beside_the_parts_are_ignored(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1}, parts=("train", "val"))
    image_folder(tmp_path, {"to_label": 2, "train": 1})
    (tmp_path / "README.md").write_text("about")
    samples = read(tmp_path)
    assert samples.classes == ("cat", "dog")
    assert samples.ignored == ("README.md", "to_label/", "train/0.png")


def test_a_class_may_be_called_train(tmp_path, image_folder):
    samples = read(image_folder(tmp_path, {"bus": 1, "car": 2, "train": 3}))
    assert samples.classes == ("bus", "car", "train") and samples.counts().tolist() == [1, 2, 3]
    assert (samples.parts == UNASSIGNED).all()


@pytest.mark.parametrize("parts", [None, ("train", "val")])
def test_one_folder_around_it_all(tmp_path, image_folder, parts):
    image_folder(tmp_path / "outer" / "inner", {"cat": 1, "dog": 1}, parts=parts)
    (tmp_path / "outer" / "LICENSE").write_text("free")
    samples = read(tmp_path)
    assert samples.classes == ("cat", "dog")
    assert samples.root == tmp_path and all(samples.file(i).is_file() for i in range(len(samples)))
    assert samples.ignored == ("outer/LICENSE",)


def test_parts_with_other_classes_are_refused_by_name(tmp_path, image_folder):
    image_folder(tmp_path / "train", {"ant": 1, "bee": 1, "cat": 1})
    image_folder(tmp_path / "val", {"ant": 1, "cat": 1})
    image_folder(tmp_path / "test", {"ant": 1, "bee": 1, "cat": 1, "dog": 1})
    with pytest.raises(SplitError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"the parts do not hold the same classes ({tmp_path})\n"
        "  got: test has 'dog', which train lacks; val lacks 'bee'\n"
        "  next: give every part the same classes, or give no parts and let the split make them"
    )


def test_a_class_that_train_lacks_is_refused(tmp_path, image_folder):
    image_folder(tmp_path / "train", {"ant": 1, "bee": 1})
    image_folder(tmp_path / "val", {"ant": 1, "bee": 1, "Bee": 1})
    with pytest.raises(SplitError, match=r"val has 'Bee', which train lacks"):
        read(tmp_path)


def test_two_folders_for_one_part_are_refused(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1}, parts=("train", "val", "valid"))
    with pytest.raises(SplitError, match=r"two folders for the val part: val and valid"):
        read(tmp_path)


def test_empty_class_folders_are_named(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1}, parts=("train", "val"))
    (tmp_path / "val" / "cat" / "0.png").unlink()
    (tmp_path / "val" / "cat" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"class folders without images: val/cat"):
        read(tmp_path)


def test_one_class_is_refused(tmp_path, image_folder):
    with pytest.raises(DataError, match=r"there is only one class: 'cat'"):
        read(image_folder(tmp_path, {"cat": 3}))


def test_a_folder_without_anything(tmp_path):
    with pytest.raises(
        DataError, match=r"no class folders in .*\n  got: no images\n  next: put the images of each class"
    ):
        read(tmp_path)


def test_loose_images_alone_are_refused(tmp_path, image_folder):
    with pytest.raises(DataError, match=r"no class folders in .*\n  got: 3 images directly in it"):
        read(image_folder(tmp_path, {"": 3}))


def test_class_folders_without_any_image(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"no images in .*\n  got: 2 folders without images: cat, dog"):
        read(tmp_path)


def test_a_train_part_without_class_folders(tmp_path, image_folder):
    image_folder(tmp_path, {"train": 2, "test": 2})
    with pytest.raises(DataError, match=r"no class folders in test and train .*\n  got: 4 images directly in it"):
        read(tmp_path)


def test_flat_test_images_beside_class_folders_are_refused(tmp_path, image_folder):
    image_folder(tmp_path, {"train/cat": 1, "train/dog": 1, "test": 2})
    with pytest.raises(DataError, match=r"no class folders in test .*\n  got: 2 images directly in it"):
        read(tmp_path)


def test_linked_folders_are_followed_and_loops_are_refused(tmp_path, image_folder):
    image_folder(tmp_path / "store", {"cat": 2})
    image_folder(tmp_path / "data", {"dog": 1})
    (tmp_path / "data" / "cat").symlink_to(tmp_path / "store" / "cat")
    assert read(tmp_path / "data").counts().tolist() == [2, 1]
    (tmp_path / "data" / "dog" / "again").symlink_to(tmp_path / "data" / "dog")
    with pytest.raises(DataError, match=r"the folder dog/again/ leads back to a folder above it"):
        read(tmp_path / "data")


def test_an_image_that_is_a_dangling_link_is_named(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "dog" / "1.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"1.png cannot be read .*dog.*\n  got: a link that leads nowhere"):
        read(tmp_path)


def test_names_in_any_script_and_files_that_are_not_utf8(tmp_path, image_folder):
    image_folder(tmp_path, {"猫": 1, "größe 1": 1})
    odd = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "猫" / "0.png").rename(tmp_path / "猫" / odd)
    samples = read(tmp_path)
    assert samples.classes == ("größe 1", "猫") and samples.file(1).is_file()


def test_a_class_name_that_is_not_utf8_is_refused(tmp_path, image_folder):
    image_folder(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "dog").rename(tmp_path / os.fsdecode(b"d\xf6g"))
    with pytest.raises(DataError, match=r"the name of a class folder is not UTF-8 text .*\n  got: 'd\\udcf6g'"):
        read(tmp_path)
