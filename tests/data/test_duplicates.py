"""Pictures that are there twice are found, whatever was done to them, and nothing else is."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from sightline.data.alignment import compare, square_of
from sightline.data.check.facts import Facts
from sightline.data.check.rules import check
from sightline.data.near import KINDS, clusters_of, near_pairs
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import scan


def distinct(count, side=2):
    return np.arange(count * side * side, dtype=np.int64).reshape(count, side, side).astype(np.uint8)


def scene(seed, size=(120, 96)):
    """A picture with large and small structure, always the same for a seed."""
    random = np.random.default_rng(seed)
    layers = [
        Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
        for side in (4, 9, 24)
    ]
    return Image.blend(Image.blend(layers[0], layers[1], 0.45), layers[2], 0.3)


def copies_in(samples):
    """What the rules about copies say."""
    return [one for one in check(Facts(samples, scan(samples))) if "duplicates" in one.rule]


def found(samples):
    return [(finding.severity, finding.rule, finding.evidence["groups"]) for finding in copies_in(samples)]


def pairs_of(folder):
    samples = read(folder)
    pairs = near_pairs(samples, scan(samples))
    return {
        (KINDS[kind], samples.paths[int(one)], samples.paths[int(other)])
        for one, other, kind in zip(pairs.first, pairs.second, pairs.kind, strict=True)
    }


def write(folder, **images):
    for name, image in images.items():
        label, _, stem = name.partition("_")
        (folder / label).mkdir(parents=True, exist_ok=True)
        image.save(folder / label / f"{stem}.png")
    return folder


def crop(image, left, top, right, bottom):
    return image.crop(
        (int(left * image.width), int(top * image.height), int(right * image.width), int(bottom * image.height))
    )


def recompressed(image, quality, folder):
    folder.mkdir(exist_ok=True)
    image.save(folder / "x.jpg", quality=quality)
    with Image.open(folder / "x.jpg") as again:
        again.load()
        return again


CHANGES = {
    "jpeg 30": lambda image, folder: recompressed(image, 30, folder),
    "half the size": lambda image, folder: image.resize((120, 96), Image.Resampling.BICUBIC),
    "one and a half the size": lambda image, folder: image.resize((360, 288), Image.Resampling.BICUBIC),
    "left 5 %": lambda image, folder: crop(image, 0.05, 0, 1, 1),
    "bottom 5 %": lambda image, folder: crop(image, 0, 0, 1, 0.95),
    "center": lambda image, folder: crop(image, 0.025, 0.025, 0.975, 0.975),
    "darker": lambda image, folder: ImageEnhance.Brightness(image).enhance(0.8),
    "brighter": lambda image, folder: ImageEnhance.Brightness(image).enhance(1.2),
}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_found(tmp_path, change, mirrored):
    pictures = {f"{'ab'[seed % 2]}_{seed}": scene(seed, (240, 192)) for seed in range(6)}
    copy = CHANGES[change](pictures["a_2"], tmp_path / "scratch")
    if mirrored:
        copy = copy.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    folder = write(tmp_path / "data", **pictures, b_copy=copy)
    assert pairs_of(folder) == {("mirrored" if mirrored else "near", "a/2.png", "b/copy.png")}


def test_a_family_is_one_cluster_and_all_others_are_alone(tmp_path):
    one = scene(1)
    folder = write(tmp_path, a_0=one, a_1=crop(one, 0.05, 0, 1, 1), b_2=one.copy(), b_3=scene(3), b_4=scene(4))
    samples = read(folder)
    assert clusters_of(samples, scan(samples)).tolist() == [0, 0, 0, 1, 2]


def test_copies_are_equal_pixels_and_not_equal_files(tmp_path):
    one = scene(1, (40, 30))
    folder = write(tmp_path, a_0=one, b_0=scene(2, (40, 30)))
    one.save(tmp_path / "b" / "1.bmp")
    assert found(read(folder)) == [("warning", "duplicates.two_labels", [["a/0.png", "b/1.bmp"]])]


def test_one_exchanged_thing_makes_another_picture(tmp_path):
    """A form filled in differently: the same by any hash and over most of its pixels."""
    form = scene(1, (240, 192))
    other = form.copy()
    other.paste(scene(9, (60, 48)), (90, 72))
    assert pairs_of(write(tmp_path, a_0=form, b_0=other, b_1=scene(3, (240, 192)))) == set()


def test_another_color_makes_another_picture(tmp_path):
    red, green, blue = scene(1).split()
    recolored = Image.merge("RGB", (blue, green, red))
    assert pairs_of(write(tmp_path, a_0=scene(1), b_0=recolored, b_1=scene(3))) == set()


def test_pictures_without_content_are_copies_only_where_they_are_equal(tmp_path):
    random = np.random.default_rng(0)
    flat = [Image.fromarray(random.integers(100, 103, (96, 120, 3), dtype=np.uint8)) for _ in range(3)]
    folder = write(tmp_path, a_0=flat[0], a_1=flat[1], b_0=flat[0], b_1=flat[2])
    assert pairs_of(folder) == {("exact", "a/0.png", "b/0.png")}


def test_small_pictures_are_copies_only_where_they_are_equal(tmp_path):
    small = scene(1, (40, 30))
    folder = write(tmp_path, a_0=small, a_1=ImageEnhance.Brightness(small).enhance(0.95), b_0=small, b_1=scene(2))
    assert pairs_of(folder) == {("exact", "a/0.png", "b/0.png")}


def test_the_same_image_under_two_labels():
    pixels = distinct(8)
    pixels[5] = pixels[6] = pixels[1]
    assert found(Samples.from_arrays(pixels, ["a"] * 4 + ["b"] * 4, name="x")) == [
        ("warning", "duplicates.two_labels", [["x#1", "x#5", "x#6"]])
    ]


def test_the_same_image_in_two_parts():
    pixels = distinct(6)
    pixels[4] = pixels[0]
    samples = Samples.from_arrays(pixels, ["a", "b"] * 3, parts=["train"] * 4 + ["test"] * 2, name="x")
    assert found(samples) == [
        ("error", "duplicates.across_parts", [["x#0", "x#4"]]),
    ]


def test_copies_with_one_label_in_one_part_count_twice():
    pixels = distinct(6)
    pixels[2] = pixels[0]
    assert found(Samples.from_arrays(pixels, ["a", "b"] * 3)) == [
        ("warning", "duplicates.one_part", [["array#0", "array#2"]])
    ]


def test_a_near_duplicate_in_two_parts_is_a_leak(tmp_path):
    for part, place in (("train", 0), ("val", 1)):
        for label in "ab":
            write(tmp_path / part, **{f"{label}_0": scene(ord(label) + 10 * place)})
    write(tmp_path / "val", a_1=crop(scene(ord("a")), 0, 0, 0.95, 1))
    samples = read(tmp_path)
    (finding,) = [one for one in copies_in(samples) if one.severity == "error"]
    assert finding.rule == "near_duplicates.across_parts"
    assert "train/a/0.png (train, a) = val/a/1.png (val, a)" in finding.message
    assert finding.quarantined() == ("train/a/0.png",)
    (pair,) = finding.evidence["pairs"]
    assert pair["kind"] == "near" and 0.975 <= pair["similarity"] < 1


def test_templated_pictures_are_compared_in_part_and_that_is_said(monkeypatch):
    monkeypatch.setattr("sightline.data.lookalikes._MOST_LOOK", 4)
    monkeypatch.setattr("sightline.data.lookalikes._LEAST_LOOK", 4)
    form = np.asarray(scene(1).convert("L"))
    noise = np.random.default_rng(0).integers(0, 2, (30, *form.shape), dtype=np.uint8)
    samples = Samples.from_arrays(np.minimum(form, 254) + noise, ["a", "b"] * 15)
    crowded = [finding.evidence for finding in copies_in(samples) if finding.rule == "near_duplicates.crowded"]
    assert crowded == [{"count": 30}]
    assert len(set(clusters_of(samples, scan(samples)).tolist())) == 1, "and yet the family holds together"


def test_real_photos_in_two_classes_are_found(shared_data, tmp_path):
    samples = read(shared_data / "trashnet-384x288.zip")
    known = {("glass/glass176.jpg", "plastic/plastic152.jpg"), ("glass/glass115.jpg", "metal/metal91.jpg")}
    known |= {("glass/glass389.jpg", "plastic/plastic332.jpg")}
    wanted = {name for pair in known for name in pair}
    chosen = [
        k for k, path in enumerate(samples.paths) if path.rpartition("/")[2] in {w.rpartition("/")[2] for w in wanted}
    ]
    chosen += list(range(0, len(samples), 25))
    samples = samples.take(np.unique(chosen))
    groups = [group for one in copies_in(samples) if "two_labels" in one.rule for group in one.evidence["groups"]]
    told = {tuple("/".join(path.split("/")[-2:]) for path in group) for group in groups}
    assert told == known


def test_pictures_with_a_burnt_out_channel_are_compared_by_the_others(tmp_path):
    """Where no pixel says anything about the light, the pictures can still be one."""
    smooth = Image.fromarray(np.random.default_rng(0).integers(0, 200, (9, 12), np.uint8)).resize((240, 180))
    warm = Image.merge("RGB", (Image.new("L", (240, 180), 255), smooth, Image.new("L", (240, 180), 40)))
    again = warm.resize((200, 150)).resize((240, 180))
    squares = square_of(warm), square_of(again)
    alike = compare(*squares, (0.0, 0.0, 1.0, 1.0))
    assert alike.gray > 0.99 and alike.detail > 0.7 and alike.color > 0.9 and alike.worst > 0.5
