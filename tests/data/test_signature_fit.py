"""Signatures laid over each other: what is the same picture stays suspected, with the window that it shows."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from sightline.data.lookalikes import LOOKS, Candidates
from sightline.data.signature import SIGNATURE, signature_of
from sightline.data.signature_fit import suspects

PHOTOS = ("chelsea.png", "coffee.png", "tfjs_coffee.jpg")
WHOLE, MIRRORED = LOOKS.index(((0.0, 0.0, 1.0, 1.0), False)), LOOKS.index(((0.0, 0.0, 1.0, 1.0), True))


@pytest.fixture(scope="module")
def photos(shared_data):
    return [Image.open(shared_data / "photos" / name).convert("RGB") for name in PHOTOS]


def fitted(pairs, look=WHOLE):
    rows = np.asarray([signature_of(image) for pair in pairs for image in pair], SIGNATURE)
    first = np.arange(0, len(rows), 2)
    looks = np.full(len(first), look, np.int16)
    return suspects(rows, Candidates(first=first, second=first + 1, look=looks, crowded=np.zeros(0, np.int64)))


def cut(image, left, top, right, bottom):
    width, height = image.size
    return image.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


@pytest.mark.parametrize("box", [(0.05, 0, 1, 1), (0, 0.06, 0.97, 1), (0.03, 0.02, 0.96, 0.95)], ids=str)
def test_the_window_of_a_crop_is_found_from_the_whole_picture(photos, box):
    found = fitted([(photo, cut(photo, *box)) for photo in photos])
    assert found.first.tolist() == [0, 2, 4]
    off, before = np.abs(found.window - np.asarray(box)), np.abs(np.asarray((0, 0, 1, 1)) - np.asarray(box)).mean()
    assert off.max() < 0.03 and off.mean() < min(0.01, before)
    assert not found.mirrored.any()


def test_a_mirrored_crop_is_found_in_the_mirrored_picture(photos):
    turned = [photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for photo in photos]
    found = fitted([(photo, cut(one, 0.05, 0, 1, 1)) for photo, one in zip(photos, turned, strict=True)], MIRRORED)
    assert found.mirrored.all() and len(found.first) == 3
    assert np.abs(found.window - [0.05, 0, 1, 1]).mean() < 0.01


def test_brightness_does_not_matter(photos):
    assert len(fitted([(photo, ImageEnhance.Brightness(photo).enhance(0.6)) for photo in photos]).first) == 3


def test_what_is_not_alike_is_dropped_and_the_places_are_kept(photos):
    other = [photos[1], photos[2], photos[0]]
    pairs = [*zip(photos, other, strict=True), (photos[0], photos[0])]
    assert fitted(pairs).first.tolist() == [6]
    assert len(fitted(pairs[:3]).first) == 0


def test_nothing_to_look_at():
    none = np.zeros(0, np.int64)
    found = suspects(
        np.zeros(0, SIGNATURE), Candidates(first=none, second=none, look=none.astype(np.int16), crowded=none)
    )
    assert len(found.first) == 0 and found.window.shape == (0, 4)
