"""Rules about pixels: each fires on its sick sample and on no other, and none fires on healthy pictures."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sick_photos import photo


def twice_as_deep(image):
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def transparent(image):
    image = image.convert("RGBA")
    image.putalpha(100)
    return image


@pytest.mark.parametrize(
    ("rule", "name", "make"),
    [
        ("pixels.cmyk", "x.jpg", lambda image: image.convert("CMYK")),
        ("pixels.palette", "x.png", lambda image: image.quantize(200)),
        ("pixels.alpha", "x.png", transparent),
        ("pixels.gray", "x.png", lambda image: image.convert("L")),
        ("pixels.gray", "x.bmp", lambda image: image.convert("L").convert("RGB")),
        ("pixels.dark", "x.png", lambda image: image.point(lambda level: level // 12)),
        ("pixels.bright", "x.png", lambda image: image.point(lambda level: 255 - level // 20)),
        ("pixels.blurred", "x.png", lambda image: image.filter(ImageFilter.GaussianBlur(9))),
    ],
)
def test_a_sick_picture_is_told_by_its_rule_alone(album, checked, rule, name, make):
    make(photo(900)).save(album / "dog" / name)
    found = checked(album)
    assert set(found) == {rule} and found[rule].paths == (f"dog/{name}",)
    assert found[rule].severity in ("warning", "note")


def test_a_picture_of_noise(album, checked):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    Image.fromarray(noise).save(album / "dog" / "noise.png")
    assert checked(album)["pixels.noisy"].paths == ("dog/noise.png",)


def test_a_picture_of_one_shade(album, checked):
    Image.new("RGB", (160, 120), (200, 40, 40)).save(album / "cat" / "red.png")
    found = checked(album)
    assert set(found) == {"pixels.constant"} and found["pixels.constant"].quarantined() == ("cat/red.png",)


def test_sixteen_bits_a_channel(album, checked):
    twice_as_deep(photo(900)).save(album / "cat" / "deep.png")
    found = checked(album)["pixels.deep"]
    assert found.paths == ("cat/deep.png",) and "upper 8 bits" in found.remedy and found.quarantined() == ()


def test_pictures_turned_by_their_tag(album, checked):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(900).save(album / "cat" / "turned.jpg", exif=exif, quality=92)
    found = checked(album)
    assert set(found) == {"pixels.rotated"} and found["pixels.rotated"].severity == "note"


def test_gray_pictures_of_one_class_give_it_away(album, checked):
    for number in range(25):
        photo(900 + number).convert("L").save(album / "dog" / f"gray-{number}.png")
        photo(950 + number).save(album / "cat" / f"color-{number}.png")
        photo(990 + number).save(album / "cat" / f"color-{number}.bmp")
    found = checked(album)["pixels.gray"]
    assert found.severity == "note", "45 % of the class is not most of it"
    for number in range(30):
        (album / "dog" / f"{2 * number + 1:03d}.jpg").unlink()
    found = checked(album)["pixels.gray"]
    assert found.severity == "warning" and "100% of class 'dog' are gray" in found.remedy


def test_a_dark_data_set_is_not_a_data_set_of_outliers(tmp_path, checked):
    for number in range(60):
        folder = tmp_path / "night" / ("a", "b")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        photo(number).point(lambda level: level // 10).save(folder / f"{number}.png")
    assert "pixels.dark" not in checked(tmp_path / "night")
