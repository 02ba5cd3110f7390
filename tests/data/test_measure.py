"""Figures on reduced copies against direct formulas, and a hash that equal pixels share."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sick_photos import photo
from sightline.data.measure import luma_of, measure, reduced
from sightline.data.row import ROW
from sightline.data.samples import Samples
from sightline.data.scan import scan


def figures(image):
    pixels = reduced(image)[0][None]
    rows = np.zeros(1, ROW)
    measure(pixels, luma_of(pixels), rows)
    return rows[0]


@pytest.mark.parametrize("size", [(40, 30), (160, 120), (500, 400), (900, 40)])
def test_equal_pixels_have_equal_hashes_whatever_the_file(tmp_path, size):
    image = photo(1, size)
    digests = {reduced(image)[1]}
    for name in ("x.png", "x.bmp", "x.webp", "x.tif"):
        image.save(tmp_path / name, **({"lossless": True} if name == "x.webp" else {}))
        with Image.open(tmp_path / name) as again:
            digests.add(reduced(again)[1])
    assert len(digests) == 1
    assert reduced(photo(2, size))[1] not in digests
    assert reduced(image.transpose(Image.Transpose.ROTATE_180))[1] not in digests


def test_gray_pixels_have_one_hash_in_one_channel_and_in_three():
    gray = photo(1, (400, 300)).convert("L")
    assert reduced(gray)[1] == reduced(gray.convert("RGB"))[1]
    assert reduced(gray.convert("RGB"))[0].ndim == 2 and reduced(photo(1))[0].ndim == 3


def test_a_faint_tint_in_a_corner_is_color():
    gray = np.array(photo(1, (400, 300)).convert("L").convert("RGB"))
    gray[0, 0, 0] ^= 64
    assert reduced(Image.fromarray(gray))[0].ndim == 3


@pytest.mark.parametrize("size", [(60, 44), (150, 190)])
def test_arrays_and_files_of_the_same_pixels_have_the_same_facts(tmp_path, monkeypatch, size):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))
    pixels = np.stack([np.asarray(photo(number, size)) for number in range(4)])
    for number, image in enumerate(pixels):
        folder = tmp_path / "data" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    from sightline.data.read import read

    files, arrays = scan(read(tmp_path / "data")), scan(Samples.from_arrays(pixels[[0, 2, 1, 3]], [0, 0, 1, 1]))
    for name in ("pixels", "width", "height", "mean", "std", "median", "brightness", "sharpness", "noise", "signature"):
        assert np.array_equal(files.rows[name], arrays.rows[name]), name


def test_luma_is_pillows_to_a_level():
    levels = np.random.default_rng(0).integers(0, 256, (1, 300, 300, 3), dtype=np.uint8)
    levels[0, 0, 0], levels[0, 0, 1] = 0, 255
    expected = np.asarray(Image.fromarray(levels[0]).convert("L")).astype(int)
    told = luma_of(levels)[0].astype(int)
    assert np.abs(told - expected).max() <= 1 and told[0, :2].tolist() == [0, 255]


def test_noise_is_estimated_near_its_truth():
    for sigma in (4, 12):
        flat = 128 + np.random.default_rng(0).normal(0, sigma, (150, 150, 1)).repeat(3, axis=2)
        assert figures(Image.fromarray(flat.round().astype(np.uint8)))["noise"] == pytest.approx(sigma, rel=0.05)


def test_sharpness_falls_with_blur():
    image = photo(5)
    told = [figures(image.filter(ImageFilter.GaussianBlur(radius)))["sharpness"] for radius in (0, 1, 3, 9)]
    assert told == sorted(told, reverse=True) and told[0] > 4 * told[-1]


def test_a_row_stays_small():
    assert ROW.itemsize <= 256
