"""Augmentation is a pure function of image and seed, and gives what the model expects."""

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.data.contract import Contract
from sightline.data.transforms import AUGMENTS, Evaluation


def contract(color="rgb", height=21, width=17, resize="crop", interpolation="bilinear"):
    channels = 3 if color == "rgb" else 1
    return Contract(
        classes=("a", "b"), color=color, height=height, width=width, resize=resize, shorter=max(height, width),
        interpolation=interpolation, mean=(0.5,) * channels, std=(0.25,) * channels,
    )  # fmt: skip


def picture(size=(50, 37), mode="RGB"):
    random = np.random.default_rng(1)
    return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode)


@pytest.mark.parametrize("size", [(50, 37), (37, 50), (1, 1), (3, 200), (17, 21)])
@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize("name", AUGMENTS)
def test_the_result_is_what_the_model_expects(name, color, size):
    transform = AUGMENTS[name](contract(color), True)
    for image in (picture(size), picture(size, "L"), np.asarray(picture(size)), np.asarray(picture(size, "L"))):
        seen = transform(image, 3)
        assert seen.dtype == np.uint8 and seen.shape == (21, 17, 3 if color == "rgb" else 1)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "1", "CMYK", "I;16"])
@pytest.mark.parametrize("name", AUGMENTS)
def test_images_of_any_mode(name, mode):
    image = (
        picture().convert(mode) if mode != "I;16" else Image.fromarray(np.asarray(picture(mode="L")) * np.uint16(257))
    )
    assert AUGMENTS[name](contract(), True)(image, 0).shape == (21, 17, 3)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("name", AUGMENTS)
def test_equal_seeds_give_equal_pixels_whatever_was_drawn_before(name, flip):
    image, transform = picture(), AUGMENTS[name](contract(), flip)
    first = [transform(image, seed) for seed in range(8)]
    torch.rand(17)
    np.random.default_rng().random(5)
    again = [AUGMENTS[name](contract(), flip)(image, seed) for seed in reversed(range(8))][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    varied = len({seen.tobytes() for seen in first})
    expected = {("none", False): 1, ("none", True): 2}.get((name, flip))
    assert varied == expected if expected else varied >= 4


@pytest.mark.parametrize("name", AUGMENTS)
def test_the_global_generators_and_the_image_stay_as_they_were(name):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    image = np.asarray(picture()).copy()
    AUGMENTS[name](contract(), True)(image, 123456789)
    assert torch.equal(torch.rand(3), expected) and np.array_equal(image, np.asarray(picture()))


def test_none_is_the_contract():
    seen = AUGMENTS["none"](contract(), False)(picture(), 9)
    assert np.array_equal(seen, contract().pixels(picture()))
    assert np.array_equal(Evaluation(contract())(picture(), 9), seen)


@pytest.mark.parametrize("name", ["none", "light"])
def test_mirror_images_are_mirror_images(name):
    small = contract(height=8, width=8, resize="squash")
    image = picture((8, 8))
    plain, mirrored = AUGMENTS[name](small, False), AUGMENTS[name](small, True)
    pairs = [(plain(image, seed), mirrored(image, seed)) for seed in range(40)]
    turned = [np.array_equal(one[:, ::-1], other) and not np.array_equal(one, other) for one, other in pairs]
    same = [np.array_equal(one, other) for one, other in pairs]
    assert all(t or s for t, s in zip(turned, same, strict=True)) and 10 < sum(turned) < 30


def test_light_moves_turns_and_scales_by_a_tenth_at_most():
    size = 64
    small = contract("gray", size, size, "squash")
    left, right = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    left[30:34, 14:18] = right[30:34, 46:50] = 255  # centered 16 pixels left and right of the center
    seen = [[center_of(AUGMENTS["light"](small, False)(image, seed)) for image in (left, right)] for seed in range(300)]
    places = np.asarray(seen)
    between = places[:, 1] - places[:, 0]
    moved, turned = places.mean(axis=1) - size / 2, np.degrees(np.arctan2(between[:, 1], between[:, 0]))
    scaled = np.linalg.norm(between, axis=1) / 32
    assert np.abs(moved).max() <= 0.1 * size * 1.1 + 0.1 and (np.ptp(moved, axis=0) > 0.18 * size).all()
    assert np.abs(turned).max() <= 10.2 and np.ptp(turned) > 18
    assert 0.89 <= scaled.min() < 0.92 and 1.08 < scaled.max() <= 1.11
    assert np.abs(moved.mean(axis=0)).max() < 1 and abs(turned.mean()) < 1 and abs(scaled.mean() - 1) < 0.01


def test_light_repeats_the_border_outside():
    white = np.full((16, 16), 255, np.uint8)
    assert all(
        AUGMENTS["light"](contract("gray", 16, 16, "squash"), False)(white, seed).min() == 255 for seed in range(50)
    )


def center_of(seen):
    """Where the light of a picture lies: x, y."""
    weights = seen[:, :, 0] / seen.sum()
    return (weights.sum(axis=0) * (np.arange(seen.shape[1]) + 0.5)).sum(), (
        weights.sum(axis=1) * (np.arange(seen.shape[0]) + 0.5)
    ).sum()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_standard_takes_every_filter_of_the_contract(interpolation):
    seen = AUGMENTS["standard"](contract(interpolation=interpolation), False)(picture((300, 200)), 1)
    assert seen.shape == (21, 17, 3) and seen.std() > 0


def test_gray_crops_are_the_gray_of_the_image():
    flat = Image.new("RGB", (40, 40), (200, 10, 60))
    seen = AUGMENTS["light"](contract("gray"), True)(flat, 3)
    assert np.unique(seen).tolist() == [flat.convert("L").getpixel((0, 0))]
