"""Each step does what its name says: measured against torchvision, NumPy and the formulas."""

import math

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from sightline.data.augment import colors, damage, geometry
from sightline.data.augment.config import (
    Affine,
    Blur,
    BrightnessContrast,
    ColorJitter,
    Erasing,
    Grayscale,
    Noise,
    PadCrop,
    RandomResizedCrop,
    Rotation,
    Rotation90,
)
from sightline.data.augment.opencv import BORDERS
from sightline.data.contract import Contract

RGB = Contract(
    classes=("a", "b"), color="rgb", height=32, width=32, resize="squash", shorter=32, interpolation="bilinear",
    mean=(0.2, 0.4, 0.6), std=(0.25,) * 3,
)  # fmt: skip


class Most:
    """Draws the largest value wherever a range is given."""

    def uniform(self, low: float, high: float, size: int | None = None):
        return high if size is None else np.full(size, high)

    def random(self, size: int):
        return np.ones(size)


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, 1]))


def photo(side: int = 32) -> np.ndarray:
    """Smooth colors, so that filters and interpolation have something to follow."""
    y, x = np.mgrid[0:side, 0:side] / side
    planes = (np.sin(5 * x + 2 * y), np.cos(4 * y - x), np.sin(3 * x * y + 1))
    return np.stack([(127 + 90 * plane).astype(np.uint8) for plane in planes], axis=2)


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def apart(ours: np.ndarray, theirs: torch.Tensor) -> int:
    return int(np.abs(ours.astype(int) - theirs.numpy().transpose(1, 2, 0).astype(int)).max())


@pytest.mark.parametrize("channels", [1, 3])
def test_a_quarter_turn_is_that_of_numpy(channels: int):
    pixels = photo()[:, :, :channels]
    turned = geometry.rotation(pixels, Rotation(degrees=90), Most(), RGB)
    assert turned.shape == pixels.shape
    assert np.array_equal(turned, np.rot90(pixels, -1))


@pytest.mark.parametrize(
    ("degrees", "scale", "shift"), [(25, 1.0, 0.0), (0, 1.3, 0.0), (0, 0.7, 0.0), (10, 1.1, 0.125)]
)
def test_affine_is_that_of_torchvision(degrees: float, scale: float, shift: float):
    options = Affine(degrees=degrees, scale=(0.5, scale), shift=shift, border="black")
    ours = geometry.affine(photo(), options, Most(), RGB)
    pixels = round(32 * shift)
    theirs = tv.affine(
        tensor(photo()), degrees, [pixels, pixels], scale, [0.0, 0.0], interpolation=v2.InterpolationMode.BILINEAR
    )
    inside = slice(6, 26)
    assert apart(ours[inside, inside], theirs[:, inside, inside]) <= 3


def test_shear_slants_to_the_side():
    line = np.zeros((33, 33, 1), np.uint8)
    line[:, 16] = 255
    slanted = geometry.affine(line, Affine(degrees=0, scale=(1, 1), shear=45, border="black"), Most(), RGB)
    rows = np.arange(4, 29)
    assert np.array_equal(slanted[rows, :, 0].argmax(axis=1), rows)


def test_angles_sizes_and_shifts_stay_in_their_ranges_and_use_them():
    spot = np.zeros((101, 101, 1), np.uint8)
    spot[48:53, 78:83] = 255  # 30 to the right of the center
    found = []
    for seed in range(300):
        moved = geometry.affine(spot, Affine(degrees=20, scale=(0.8, 1.25), border="black"), drawn(seed), RGB)
        y, x = (float(np.average(axis, weights=moved[:, :, 0])) - 50 for axis in np.mgrid[0:101, 0:101])
        found.append((math.degrees(math.atan2(y, x)), math.hypot(x, y) / 30))
    angles, sizes = np.array(found).T
    assert -20.5 < angles.min() < -18 and 18 < angles.max() < 20.5
    assert 0.79 < sizes.min() < 0.82 and 1.22 < sizes.max() < 1.26
    assert abs(np.log(sizes).mean()) < 0.03


@pytest.mark.parametrize(("border", "value"), [("black", 0), ("white", 255), ("edge", 100), ("reflect", 100)])
def test_borders_are_filled_as_told(border: str, value: int):
    flat = np.full((20, 20, 3), 100, np.uint8)
    turned = geometry.rotation(flat, Rotation(degrees=45, border=border), Most(), RGB)
    assert turned[0, 0].tolist() == [value] * 3 and turned[10, 10].tolist() == [100] * 3
    shifted = {geometry.pad_crop(flat, PadCrop(share=0.25, border=border), drawn(s), RGB).min() for s in range(30)}
    assert min(shifted) == min(value, 100)


@pytest.mark.parametrize("border", ["edge", "reflect", "black", "white"])
@pytest.mark.parametrize("channels", [1, 3])
def test_many_frames_are_moved_as_opencv_moves_one(border: str, channels: int):
    random = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(random.integers(0, 256, (1300, 26, 30, 3), np.uint8).reshape(-1, 30, 3), (0, 0), 2)
    frames = np.asarray(smooth).reshape(1300, 26, 30, 3)[..., :channels]
    options = Affine(degrees=40, scale=(0.6, 1.5), shear=10, shift=0.2, border=border)
    maps = geometry.affine_maps(options, random.random((1300, geometry.AFFINE_DRAWS)), 30, 26)
    moved = geometry.moved(frames, maps, border)
    assert moved.shape == frames.shape
    for place in (0, 7, 1299):  # more rows in all than OpenCV counts
        kind, paint = BORDERS[border], (255,) * 3 if border == "white" else 0
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        theirs = cv2.warpAffine(frames[place], maps[place], (30, 26), flags=flags, borderMode=kind, borderValue=paint)
        apart = np.abs(moved[place].squeeze().astype(int) - theirs)
        assert apart.max() <= 4 and apart.mean() < 0.2
        assert np.array_equal(moved[place], geometry.moved(frames[[place]], maps[[place]], border)[0])


def test_pad_crop_shifts_by_the_share_at_most():
    spot = np.zeros((16, 16, 1), np.uint8)
    spot[8, 7] = 255
    options = PadCrop(share=0.125, border="black")
    spots = {tuple(np.argwhere(geometry.pad_crop(spot, options, drawn(s), RGB))[0][:2]) for s in range(400)}
    assert spots == {(8 + down, 7 + right) for down in range(-2, 3) for right in range(-2, 3)}


def test_quarter_turns_are_equally_likely_and_oblong_images_keep_their_size():
    pixels = photo()
    turns = [np.rot90(pixels, turn).tobytes() for turn in range(4)]
    made = [geometry.rotation90(pixels, Rotation90(), drawn(seed), RGB).tobytes() for seed in range(400)]
    assert all(70 < made.count(turn) < 130 for turn in turns)
    oblong = pixels[:20]
    made = {geometry.rotation90(oblong, Rotation90(), drawn(seed), RGB).tobytes() for seed in range(50)}
    assert made == {oblong.tobytes(), np.rot90(oblong, 2).tobytes()}


def test_random_resized_crop_draws_like_torchvision():
    """Means and deviations of area, shape and place over many draws."""
    scale, ratio, size = (0.2, 0.9), (0.5, 2.0), (120, 90)
    torch.manual_seed(0)
    theirs = [
        v2.RandomResizedCrop(8, scale, ratio).make_params([Image.new("L", size)]) for _ in range(4000)
    ]  # top, left, height, width
    ours = []
    for seed in range(4000):
        random = drawn(seed)
        wide, high = geometry._piece(*size, scale, ratio, random)
        ours.append((random.integers(0, 90 - high + 1), random.integers(0, 120 - wide + 1), high, wide))
    mine = np.array(ours, float)
    other = np.array([(p["top"], p["left"], p["height"], p["width"]) for p in theirs], float)
    for measure in (lambda c: c[:, 2] * c[:, 3], lambda c: c[:, 3] / c[:, 2], lambda c: c[:, 0], lambda c: c[:, 1]):
        one, two = measure(mine), measure(other)
        assert abs(one.mean() - two.mean()) < 5 * two.std() / math.sqrt(4000)
        assert one.std() == pytest.approx(two.std(), rel=0.08)


@pytest.mark.parametrize("size", [(1, 1), (400, 3), (3, 400), (50, 37)])
def test_pieces_fit_into_images_of_any_shape(size: tuple[int, int]):
    for seed in range(50):
        wide, high = geometry._piece(*size, (0.9, 1.0), (0.75, 1.333), drawn(seed))
        assert 1 <= wide <= size[0] and 1 <= high <= size[1]


def test_a_crop_of_everything_is_the_resized_image():
    image = Image.fromarray(photo(50))
    options = RandomResizedCrop(scale=(1.0, 1.0), ratio=(1.0, 1.0))
    seen = geometry.random_resized_crop(image, options, drawn(), RGB)
    assert np.array_equal(seen, np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)))


def test_colors_are_jittered_as_torchvision_does():
    none = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
    ways = {
        "brightness": tv.adjust_brightness, "contrast": tv.adjust_contrast,
        "saturation": tv.adjust_saturation, "hue": tv.adjust_hue,
    }  # fmt: skip
    for name, way in ways.items():
        amount = 0.1 if name == "hue" else 0.3
        ours = colors.color_jitter(photo(), ColorJitter(**none | {name: amount}), Most(), RGB)
        theirs = way(tensor(photo()), amount if name == "hue" else 1 + amount)
        # Eight bits hold a hue more coarsely than torchvision's floating point.
        assert apart(ours, theirs) <= (8 if name == "hue" else 1)


def test_gray_images_are_jittered_in_brightness_and_contrast():
    gray = Contract(
        classes=("a", "b"), color="gray", height=32, width=32, resize="squash", shorter=32, interpolation="bilinear",
        mean=(0.3,), std=(0.25,),
    )  # fmt: skip
    pixels = photo()[:, :, :1]
    options = ColorJitter(brightness=0.2, contrast=0.1, saturation=0.0)
    ours = colors.color_jitter(pixels, options, Most(), gray)
    assert ours.shape == pixels.shape
    theirs = tv.adjust_contrast(tv.adjust_brightness(tensor(pixels), 1.2), 1.1)
    assert apart(ours, theirs) <= 2


def test_grayscale_is_the_luma_in_every_channel():
    seen = colors.grayscale(photo(), Grayscale(), drawn(), RGB)
    assert apart(seen, tv.rgb_to_grayscale(tensor(photo()), 3)) <= 1


def test_brightness_and_contrast_are_an_offset_and_a_factor_about_middle_gray():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    seen = colors.brightness_contrast(ramp, BrightnessContrast(brightness=0.1, contrast=0.5), Most(), RGB)
    expected = np.clip(np.rint((ramp.astype(float) - 127.5) * 1.5 + 127.5 + 25.5), 0, 255)
    assert np.array_equal(seen, expected)


def test_noise_has_the_deviation_it_is_told_and_no_mean():
    flat = np.full((100, 100, 3), 128, np.uint8)
    seen = damage.noise(flat, Noise(sigma=(0.05, 0.05)), drawn(), RGB).astype(float)
    assert seen.std() == pytest.approx(0.05 * 255, rel=0.02) and abs(seen.mean() - 128) < 0.3
    assert abs(np.corrcoef(seen[:, :, 0].ravel(), seen[:, :, 1].ravel())[0, 1]) < 0.05
    white = damage.noise(np.full((9, 9, 1), 255, np.uint8), Noise(sigma=(0.5, 0.5)), drawn(), RGB)
    assert white.max() == 255 and white.min() < 200  # clipped, not wrapped round


@pytest.mark.parametrize("channels", [1, 3])
def test_blur_is_that_of_torchvision(channels: int):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, channels), dtype=np.uint8)
    seen = damage.blur(pixels, Blur(sigma=(0.5, 1.5)), Most(), RGB)
    assert seen.shape == pixels.shape
    assert apart(seen, tv.gaussian_blur(tensor(pixels), [15, 15], [1.5, 1.5])) <= 3


@pytest.mark.parametrize(("fill", "value"), [("mean", [51, 102, 153]), ("black", [0] * 3), ("white", [255] * 3)])
def test_a_rectangle_of_the_told_area_is_painted_over(fill: str, value: list[int]):
    pixels = np.full((40, 40, 3), 7, np.uint8)
    shares = []
    for seed in range(200):
        seen = damage.erasing(pixels, Erasing(area=(0.1, 0.3), fill=fill), drawn(seed), RGB)
        rows, columns = np.nonzero((seen != 7).any(axis=2))
        box = seen[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert box.reshape(-1, 3).tolist() == [value] * (box.shape[0] * box.shape[1])
        shares.append(len(rows) / 1600)
    assert 0.085 < min(shares) < 0.12 and 0.28 < max(shares) < 0.32
    assert (pixels == 7).all()


def test_cutout_is_a_square():
    seen = damage.erasing(np.zeros((40, 40, 1), np.uint8), Erasing(area=(0.25, 0.25), ratio=(1, 1), fill="noise"),
                          drawn(), RGB)  # fmt: skip
    rows, columns = np.nonzero(seen[:, :, 0])
    assert np.ptp(rows) == np.ptp(columns) == 19 and len(np.unique(seen)) > 100
