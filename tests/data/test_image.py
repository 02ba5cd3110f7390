"""Decoding: whatever a file holds, it becomes upright 8-bit pixels or an error that names it."""

import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from sightline.data.image import is_image_name, read_image, to_color, upright
from sightline.errors import ImageError

ORIENTATION = 274


def scene(width: int = 37, height: int = 23) -> Image.Image:
    """A picture without any symmetry."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 6 % 256, rows * 11 % 256, (rows + 2 * columns) * 3 % 256], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return saved(scene(), kind, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_is_turned_as_pillow_does(kind: str, orientation: int) -> None:
    raw = turned(kind, orientation)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(raw)))
    got = read_image(raw)
    assert np.array_equal(np.asarray(got), np.asarray(expected))
    assert got.size == ((23, 37) if orientation >= 5 else (37, 23))


def test_turning_twice_is_as_once() -> None:
    once = read_image(turned("JPEG", 6))
    assert upright(once) is once


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_exif_block_counts_as_none() -> None:
    raw = saved(scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03" * 3)
    assert np.array_equal(np.asarray(read_image(raw)), np.asarray(Image.open(io.BytesIO(raw))))


@pytest.mark.parametrize(("tag", "kind"), [(b"\x01\x0f", b"\0\x05"), (b"\x01\x28", b"\0\x02")])
def test_an_orientation_counts_though_another_tag_has_a_wrong_type(tag: bytes, kind: bytes) -> None:
    # Pillow's own exif_transpose fails when it writes such tags back: maker as a fraction, unit as a text.
    entries = b"\0\x02" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + tag + kind + b"\0\0\0\x01\0\0\0\x08" + b"\0" * 4
    raw = saved(scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + entries)
    assert read_image(raw).size == (23, 37)


def test_a_first_frame_stands_for_an_animation() -> None:
    raw = saved(scene(), "GIF", save_all=True, append_images=[ImageOps.mirror(scene())])
    assert np.array_equal(to_color(read_image(raw), "rgb"), Image.open(io.BytesIO(raw)).convert("RGB"))


def test_cmyk_is_converted_as_pillow_does() -> None:
    raw = saved(scene().convert("CMYK"), "JPEG", quality=95)
    assert np.array_equal(to_color(read_image(raw), "rgb"), Image.open(io.BytesIO(raw)).convert("RGB"))


def test_sixteen_bits_keep_their_upper_eight() -> None:
    deep = (np.arange(37 * 23, dtype=np.uint16) * 77).reshape(23, 37)
    for kind in ("PNG", "TIFF"):
        got = np.asarray(to_color(read_image(saved(Image.fromarray(deep), kind)), "gray"))
        assert np.array_equal(got, (deep >> 8).astype(np.uint8))


def test_alpha_is_laid_over_white() -> None:
    alpha = (np.arange(37 * 23) % 256).astype(np.uint8).reshape(23, 37)
    layer = scene().convert("RGBA")
    layer.putalpha(Image.fromarray(alpha))
    got = np.asarray(to_color(read_image(saved(layer, "PNG")), "rgb")).astype(float)
    share = alpha[:, :, None] / 255
    assert np.abs(got - (np.asarray(scene()) * share + 255 * (1 - share))).max() <= 1


def test_gray_with_alpha_is_laid_over_white() -> None:
    pixels = np.zeros((2, 3, 2), np.uint8)
    pixels[0, :, 1] = 255
    got = np.asarray(to_color(read_image(saved(Image.fromarray(pixels, "LA"), "PNG")), "gray"))
    assert got.tolist() == [[0, 0, 0], [255, 255, 255]]


def test_a_transparent_palette_color_becomes_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    got = np.asarray(to_color(read_image(saved(image, "PNG", transparency=1)), "rgb"))
    assert got.tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_one_bit_is_black_and_white() -> None:
    bits = Image.fromarray(np.asarray([[True, False]]))
    assert np.asarray(to_color(read_image(saved(bits, "PNG")), "gray")).tolist() == [[255, 0]]
    assert np.asarray(to_color(read_image(saved(bits, "PNG")), "rgb")).tolist() == [[[255] * 3, [0] * 3]]


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_pixels_without_an_agreed_range_are_refused(mode: str) -> None:
    with pytest.raises(ImageError, match=f"no agreed range\n  got: mode {mode}\n  allowed: 8 or 16 bits a channel"):
        to_color(Image.new(mode, (2, 2)), "rgb")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_truncated_file_is_named(tmp_path: Path, kind: str) -> None:
    raw = saved(scene(), kind)
    path = tmp_path / "half.jpg"
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ImageError, match=r"half\.jpg (cannot be decoded|is not an image)\n  got: "):
        read_image(path)


def test_a_truncated_jpeg_is_said_to_be_truncated(tmp_path: Path) -> None:
    raw = saved(scene(200, 200), "JPEG")
    with pytest.raises(ImageError, match=r"cat\.jpg cannot be decoded\n  got: the file is truncated"):
        read_image(raw[:-200], "cat.jpg")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nothing.png"
    path.touch()
    with pytest.raises(ImageError, match=r"nothing\.png is empty\n  got: 0 bytes\n  next: remove the file"):
        read_image(path)


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("these are words")
    with pytest.raises(ImageError, match=r"notes\.png is not an image\n  got: 15 bytes that no decoder knows"):
        read_image(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read .*gone\.png\n  got: No such file"):
        read_image(tmp_path / "gone.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF", "PPM"])
def test_damage_of_any_kind_is_an_image_error_or_an_image(kind: str) -> None:
    dice = random.Random(kind)
    exif = Image.Exif()
    exif[ORIENTATION], exif[271] = 6, "maker"
    options = {} if kind in ("GIF", "BMP", "PPM") else {"exif": exif}
    whole = saved(scene(), kind, **options)
    for _ in range(150):
        raw = bytearray(whole)
        for _ in range(dice.choice([1, 3, 10])):
            raw[dice.randrange(min(len(raw), dice.choice([80, 400, len(raw)])))] = dice.choice(
                [0, 255, dice.randrange(256)]
            )
        try:
            image = read_image(bytes(raw), "damaged")
        except ImageError as error:
            assert "damaged" in str(error)
            continue
        if image.width * image.height < 1_000_000:
            assert to_color(image, "rgb").mode == "RGB"


def test_endings_count_in_any_case_and_hidden_files_do_not() -> None:
    assert is_image_name("A.JPeG")
    assert not is_image_name(".hidden.jpg")
    assert not is_image_name("labels.txt")
