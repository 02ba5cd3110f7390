import numpy as np
import pytest
from PIL import Image

from sightline.errors import DataError
from sightline.evaluation.grid import GAP, LINE, SIDE, draw_grid, legible


def test_every_picture_lies_in_its_cell(tmp_path):
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
    images = [Image.new("RGB", (40, 40), color) for color in colors]
    draw_grid(images, [("a", 0.5)] * 5, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.size == (4 * (SIDE + GAP) + GAP, 2 * (SIDE + 2 * LINE + GAP) + GAP)
        for place, color in enumerate(colors):
            column, row = place % 4, place // 4
            x = GAP + column * (SIDE + GAP) + SIDE // 2
            y = GAP + row * (SIDE + 2 * LINE + GAP) + SIDE // 2
            assert sheet.getpixel((x, y)) == color


def test_arrays_gray_color_and_odd_sizes_are_drawn(tmp_path):
    images = [
        np.zeros((8, 8), np.uint8), np.zeros((28, 28, 3), np.uint8), Image.new("L", (3000, 1)),
        Image.new("RGBA", (7, 500)), Image.new("P", (90, 100)),
    ]  # fmt: skip
    draw_grid(images, [("a", 1.0)] * 5, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        sheet.load()


def test_tiny_pictures_are_enlarged_pixel_for_pixel(tmp_path):
    checks = (np.indices((8, 8)).sum(0) % 2 * 255).astype(np.uint8)
    draw_grid([checks], [("a", 1.0)], tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        inside = np.asarray(sheet.convert("L"))[GAP : GAP + SIDE, GAP : GAP + SIDE]
    assert np.array_equal(inside, checks.repeat(SIDE // 8, 0).repeat(SIDE // 8, 1))


def test_a_wrong_answer_differs_in_shape_and_not_only_in_color(tmp_path):
    image = Image.new("RGB", (160, 160), "white")
    for name, truth in (("right", "cat"), ("wrong", "dog"), ("unknown", None)):
        draw_grid([image], [("cat", 0.9)], tmp_path / f"{name}.png", [truth])
    dark = {
        name: np.asarray(Image.open(tmp_path / f"{name}.png").convert("L")) < 160
        for name in ("right", "wrong", "unknown")
    }
    assert np.array_equal(dark["right"], dark["unknown"])
    frame = dark["wrong"][GAP - 4 : GAP - 1, GAP : GAP + SIDE]
    assert frame.all() and not dark["right"][GAP - 4 : GAP - 1, GAP : GAP + SIDE].any()


def test_labels_of_other_scripts_are_written_or_spelt_out():
    assert legible("Größe Ωмега")[0] == "Größe Ωмега"
    shown, font = legible("\U0010fffd cat")
    assert shown == "\\U0010fffd cat"
    assert font.getlength(shown) > 0
    assert legible("two\nlines")[0] == "two\\nlines"


def test_no_label_is_written_as_boxes():
    shown, font = legible("八 卐 \U00012000")
    assert "lastresort" not in "".join(font.getname()).lower().replace(" ", "")
    inks = [bytes(font.getmask(character)) for character in set(shown) - {" "}]
    assert len(set(inks)) == len(inks)


def test_a_long_label_keeps_its_confidence(tmp_path):
    image = Image.new("RGB", (20, 20), "white")
    draw_grid([image, image], [("x" * 500, 0.93), ("y", 1.0)], tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        gap = np.asarray(sheet.convert("L"))[GAP + SIDE :, GAP + SIDE : GAP + SIDE + GAP]
    assert (gap == 255).all()


def test_unequal_lists_are_refused_and_leave_no_file(tmp_path):
    with pytest.raises(DataError, match=r"one caption per image .*\n  got: 1 images, 0 captions, 1 truths"):
        draw_grid([Image.new("L", (2, 2))], [], tmp_path / "grid.png")
    with pytest.raises(DataError, match="0 images"):
        draw_grid([], [], tmp_path / "grid.png")
    assert list(tmp_path.iterdir()) == []


def test_pictures_have_the_colors_that_the_model_sees(tmp_path):
    deep = Image.fromarray(np.full((90, 90), 20000, np.uint16))
    clear = Image.new("RGBA", (90, 90), (0, 0, 0, 0))
    draw_grid([deep, clear], [("a", 1.0), ("b", 1.0)], tmp_path / "grid.png")
    sheet = np.asarray(Image.open(tmp_path / "grid.png"))
    assert (sheet[96, 96] == 20000 >> 8).all() and (sheet[96, 96 + SIDE + GAP] == 255).all()
