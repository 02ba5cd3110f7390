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
    copy = reduced(image)
    rows = np.zeros(1, ROW)
    measure(copy.pixels[None], copy.luma[None], rows)
    return rows[0]


@pytest.mark.parametrize("size", [(40, 30), (160, 120), (500, 400), (900, 40)])
def test_equal_pixels_have_equal_hashes_whatever_the_file(tmp_path, size):
    image = photo(1, size)
    digests = {reduced(image).digest}
    for name in ("x.png", "x.bmp", "x.webp", "x.tif"):
        image.save(tmp_path / name, **({"lossless": True} if name == "x.webp" else {}))
        with Image.open(tmp_path / name) as again:
            digests.add(reduced(again).digest)
    assert len(digests) == 1
    assert reduced(photo(2, size)).digest not in digests
    assert reduced(image.transpose(Image.Transpose.ROTATE_180)).digest not in digests


def test_gray_pixels_have_one_hash_in_one_channel_and_in_three():
    gray = photo(1, (400, 300)).convert("L")
    assert reduced(gray).digest == reduced(gray.convert("RGB")).digest
    assert reduced(gray.convert("RGB")).pixels.ndim == 2 and reduced(photo(1)).pixels.ndim == 3


def test_a_faint_tint_in_a_corner_is_color():
    gray = np.array(photo(1, (400, 300)).convert("L").convert("RGB"))
    gray[0, 0, 0] ^= 64
    assert reduced(Image.fromarray(gray)).pixels.ndim == 3


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


def test_luma_is_pillows():
    image = photo(3)
    assert np.array_equal(luma_of(np.asarray(image)[None])[0], np.asarray(image.convert("L")))


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
