"""Signatures survive what leaves a picture the same, and say what crops and mirror images would have."""

import numpy as np
import pytest
from PIL import Image

from sightline.data.lookalikes import candidates
from sightline.data.signature import SIGNATURE, amplitudes, contrast, cropped, mirrored, signature_of, signatures_of


def picture(seed=0, size=(160, 120)):
    random = np.random.default_rng(seed)
    rough = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return rough.resize(size, Image.Resampling.BICUBIC)


def row(image):
    return np.asarray([signature_of(image)], SIGNATURE)


def test_it_is_small():
    assert SIGNATURE.itemsize <= 64


def test_arrays_have_the_signatures_of_their_images():
    pixels = np.stack([np.asarray(picture(seed, (96, 64))) for seed in range(4)])
    one_by_one = np.concatenate([row(Image.fromarray(image)) for image in pixels])
    difference = amplitudes(signatures_of(pixels)) - amplitudes(one_by_one)
    assert np.abs(difference).max() < 1, "gray levels"
    gray = np.asarray(picture(1, (96, 64)).convert("L"))[None]
    assert np.abs(amplitudes(signatures_of(gray)) - amplitudes(row(Image.fromarray(gray[0])))).max() < 1


@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK"])
def test_the_way_of_storing_does_not_matter(mode):
    image = picture().quantize(64).convert("RGB")
    again = image.quantize(64) if mode == "P" else image.convert(mode)
    assert np.abs(amplitudes(row(again)) - amplitudes(row(image))).max() < 1


def test_a_gray_picture_is_the_same_in_color():
    gray = picture().convert("L")
    assert row(gray) == row(gray.convert("RGB"))


def test_crops_and_mirror_images_are_foretold():
    image, box = picture(), (0.05, 0.0, 1.0, 0.9)
    cut = image.crop((8, 0, 160, 108))
    told = cropped(amplitudes(row(image)), box)
    told[:, 0, 0] = 0
    seen = amplitudes(row(cut))
    untouched = amplitudes(row(image))
    assert np.abs(told - seen).mean() < 0.4 * np.abs(untouched - seen).mean()
    turned = amplitudes(row(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    assert np.abs(mirrored(amplitudes(row(image))) - turned).max() < 2


def test_contrast_is_in_gray_levels():
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 200
    assert contrast(row(Image.fromarray(half)))[0] == pytest.approx(100, rel=0.1)
    assert contrast(row(Image.new("RGB", (50, 50), "red")))[0] < 0.1


def test_a_search_does_not_compare_all_with_all():
    """Twenty thousand random signatures: planted pairs are found, and hardly anything else is even suspected."""
    random = np.random.default_rng(0)
    rows = np.zeros(20_000, SIGNATURE)
    rows["waves"] = random.normal(0, 40, (len(rows), 63)).clip(-127, 127)
    rows["waves"][:50] = (rows["waves"][10_000:10_050] * 0.9 + random.normal(0, 3, (50, 63))).clip(-127, 127)
    asked = []
    found = candidates(rows, lambda done, total: asked.append((done, total)))
    pairs = sorted(zip(found.first.tolist(), found.second.tolist(), strict=True), key=min)
    assert [tuple(sorted(pair)) for pair in pairs] == [(place, place + 10_000) for place in range(50)]
    assert asked[-1] == (20_000, 20_000) and len(found.crowded) == 0
