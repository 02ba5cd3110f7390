"""Whole batches from kept pixels: bit for bit what one image at a time gives, or the same distribution of crops."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from sightline.data.batched import BATCHED
from sightline.data.cache import held
from sightline.data.contract import Contract
from sightline.data.cropped import Crops, color_changes, crop_boxes, recolor
from sightline.data.draws import stream_keys, uniforms
from sightline.data.kept import Form
from sightline.data.loader import BatchPieces, Piece, Pieces, evaluation_pieces, load
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.transforms import AUGMENTS, Evaluation
from sightline.errors import ImageError

GRAY = {"color": "gray", "mean": (0.5,), "std": (0.25,)}


def contract(side=20, **changes):
    plain = {
        "classes": ("cat", "dog"), "color": "rgb", "height": side, "width": side, "resize": "crop", "shorter": side + 3,
        "interpolation": "bilinear", "mean": (0.5,) * 3, "std": (0.25,) * 3,
    }  # fmt: skip
    return Contract(**plain | changes)


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    root = tmp_path_factory.mktemp("animals")
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for number in range(6):
            Image.fromarray(random.integers(0, 256, (90, 120, 3), dtype=np.uint8)).save(root / name / f"{number}.png")
    return read(root)


def batches(samples, own, augment, flip, workers=0, side=None):
    pieces = [Piece(epoch, np.asarray(part)) for epoch in range(3) for part in ([3, 1, 4], [11, 5], [9, 2, 6, 0])]
    images = held(samples, Form(own, side), np.arange(0, 12, 2))  # the others are decoded
    return list(load(BatchPieces(samples, BATCHED[augment](own, flip), 5, images), pieces, workers)), pieces


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("augment", ["none", "light"])
@pytest.mark.parametrize("changes", [{}, GRAY, {"side": 70}, {"side": 70, **GRAY}], ids=str)
def test_frames_give_bit_for_bit_what_the_files_give(animals, changes, augment, flip):
    own = contract(**changes)
    made, pieces = batches(animals, own, augment, flip)
    expected = load(Pieces(animals, AUGMENTS[augment](own, flip), 5), pieces, 0)
    for one, other in zip(made, expected, strict=True):
        assert torch.equal(one.pixels, other.pixels)
        assert torch.equal(one.targets, other.targets) and torch.equal(one.indices, other.indices)


def test_arrays_in_memory_give_bit_for_bit_what_they_gave_before():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    samples = Samples.from_arrays(pixels, [0, 1] * 6)
    own = contract(28, classes=("0", "1"), resize="squash", shorter=28, **GRAY)
    for augment in ("none", "light"):
        made, pieces = batches(samples, own, augment, True)
        expected = load(Pieces(samples, AUGMENTS[augment](own, True), 5), pieces, 0)
        assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(made, expected, strict=True))


def test_evaluation_from_kept_frames_is_exactly_the_contract(animals):
    own = contract()
    images = held(animals, Form(own), np.arange(7))
    pieces = evaluation_pieces(np.arange(12), 5)
    kept = load(BatchPieces(animals, BATCHED["none"](own, False), 0, images), pieces, 2)
    plain = load(Pieces(animals, Evaluation(own), 0), pieces, 0)
    assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(kept, plain, strict=True))


@pytest.mark.parametrize("augment", BATCHED)
def test_batches_do_not_depend_on_threads_or_on_what_is_kept(animals, augment):
    own, side = contract(), 60 if augment == "standard" else None
    expected, pieces = batches(animals, own, augment, True, side=side)
    for workers in (1, 3):
        made, _ = batches(animals, own, augment, True, workers, side=side)
        assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(made, expected, strict=True))
    nothing = held(animals, Form(own, side), np.arange(1))
    cold = load(BatchPieces(animals, BATCHED[augment](own, True), 5, nothing), pieces, 2)
    assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(cold, expected, strict=True))
    assert not torch.equal(expected[0].pixels, expected[3].pixels) or augment == "none"


def test_any_transform_can_take_kept_pixels(animals):
    own = contract(**GRAY)
    images = held(animals, Form(own, 60), np.arange(12))
    dataset = Pieces(animals, AUGMENTS["standard"](own, True), 5, images)
    made = [torch.cat([b.pixels for b in load(dataset, evaluation_pieces(np.arange(12), 5), w)]) for w in (0, 2)]
    assert made[0].shape == (12, 20, 20, 1) and torch.equal(*made)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_cannot_be_decoded_is_named(tmp_path, image_folder, workers):
    samples = read(image_folder(tmp_path, {"cat": 3, "dog": 3}))
    images = held(samples, Form(contract(), 60), np.arange(2))
    samples.file(4).write_bytes(b"")
    with pytest.raises(ImageError, match=r"dog/1.png is empty"):
        dataset = BatchPieces(samples, BATCHED["standard"](contract(), True), 5, images)
        list(load(dataset, evaluation_pieces(np.arange(6), 2), workers))


def test_nobody_elses_random_numbers_are_touched(animals):
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    for augment in BATCHED:
        batches(animals, contract(), augment, True, 2, side=60 if augment == "standard" else None)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])


def boxes_of(size, count, scale=(0.25, 1.0)):
    keys = stream_keys(0, 0, np.arange(count))
    draws = uniforms(keys, 1, 40).reshape(-1, 10, 4)
    return crop_boxes(np.tile(size, (count, 1)), draws, scale, (3 / 4, 4 / 3))


@pytest.mark.parametrize("size", [(288, 384), (100, 100), (90, 400)], ids=str)
def test_crops_have_the_distribution_of_torchvision(size):
    """Kolmogorov-Smirnov: area, shape and place; two samples of 4,000 differ by 0.043 once in a thousand times."""
    from scipy.stats import ks_2samp

    count = 4000
    torch.manual_seed(0)
    picture = torch.zeros(3, *size)
    crop = v2.RandomResizedCrop(8, scale=(0.25, 1.0))
    params = [crop.make_params([picture]) for _ in range(count)]
    theirs = np.asarray([[one[key] for key in ("top", "left", "height", "width")] for one in params])
    ours = boxes_of(size, count)
    assert (ours[:, :2] >= 0).all() and (ours[:, :2] + ours[:, 2:] <= size).all()
    figures = {
        "area": lambda box: box[:, 2] * box[:, 3],
        "shape": lambda box: box[:, 3] / box[:, 2],
        "top": lambda box: box[:, 0] / size[0],
        "left": lambda box: box[:, 1] / size[1],
        "middle": lambda box: (box[:, 0] + box[:, 2] / 2) / size[0],
    }
    for name, figure in figures.items():
        distance = ks_2samp(figure(ours), figure(theirs), method="asymp").statistic
        assert distance < 0.043, f"{name}: {distance:.3f}"


def test_an_image_that_no_crop_fits_gives_its_middle():
    wide, high = boxes_of((10, 1000), 3), boxes_of((1000, 10), 3)
    assert wide.tolist() == [[0, 493, 10, 13]] * 3
    assert high.tolist() == [[493, 0, 13, 10]] * 3


def test_crops_from_the_working_size_look_like_those_from_the_file(shared_data):
    """Mean and deviation of the pixels of many crops of real photos, kept at 1.5 times the side and from the file."""
    photos = [np.asarray(Image.open(shared_data / "photos" / name).convert("RGB")) for name in PHOTOS]
    own = contract(64, resize="squash", shorter=64)
    plain = AUGMENTS["standard"](own, True)
    for number, photo in enumerate(photos):
        samples = Samples.from_arrays(photo[None], [0], classes=("cat", "dog"))
        images = held(samples, Form(own, 96), np.arange(1))
        count = 300
        keys = stream_keys(1, 0, np.arange(count))
        ours = np.empty((count, 64, 64, 3), np.uint8)
        BATCHED["standard"](own, True)(images, np.zeros(count, np.int64), keys, ours)
        theirs = np.stack([plain(photo, int(key)) for key in keys])
        for figure in (np.mean, np.std):
            a, b = (np.asarray([figure(crop) for crop in crops]) for crops in (ours, theirs))
            error = np.sqrt((a.var() + b.var()) / count)
            assert abs(a.mean() - b.mean()) < 3.5 * error, (PHOTOS[number], figure.__name__)


PHOTOS = ("chelsea.png", "coffee.png", "tfjs_coffee.jpg")


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.2, 1.6, 2.5])
def test_a_resized_crop_is_near_to_pillows(shared_data, factor):
    photo = Image.open(shared_data / "photos" / "chelsea.png").convert("RGB")
    side = round(100 * factor)
    square = photo.crop((100, 20, 100 + side, 20 + side))
    samples = Samples.from_arrays(np.asarray(square)[None], [0], classes=("cat", "dog"))
    own = contract(100, resize="squash", shorter=100)
    same = Crops(contract=own, flip=False, scale=(1.0, 1.0), ratio=(1.0, 1.0), jitter=0.0)
    out = same(held(samples, Form(own, side), np.arange(1)).image(0), 0)[None]
    expected = np.asarray(square.resize((100, 100), Image.Resampling.BILINEAR)).astype(int)
    apart = np.abs(out[0] - expected).mean()
    rough = cv2.resize(np.asarray(square), (100, 100), interpolation=cv2.INTER_LINEAR)
    assert apart < 1.6
    assert factor < 1.5 or apart < 0.6 * np.abs(rough - expected).mean()  # it smooths what it shrinks


@pytest.mark.parametrize("order", [(0.1, 0.2, 0.3), (0.3, 0.2, 0.1), (0.2, 0.3, 0.1)], ids=str)
def test_color_changes_are_those_of_torchvision(order):
    """On floating-point tensors, where none of their three steps rounds; nothing is cut off on middle tones."""
    image = np.random.default_rng(0).integers(90, 160, (24, 30, 3), dtype=np.uint8)
    factors = (0.9, 0.2, 0.7)

    def changes(channels):
        # The second of two images, of which the first changes in another order.
        both = color_changes(np.asarray([(0.1, 0.6, 0.3), factors]), np.asarray([order[::-1], order]), 0.2, channels)
        return both[0][1], both[1][1]

    steps = [v2.functional.adjust_brightness, v2.functional.adjust_contrast, v2.functional.adjust_saturation]
    expected = torch.from_numpy(image).permute(2, 0, 1) / 255
    for kind in np.argsort(order):
        expected = steps[kind](expected, 0.8 + 0.4 * factors[kind])
    gray = (expected.mean(dim=0, keepdim=True) * 255).round().to(torch.uint8)[0].numpy().copy()
    recolor(image, *changes(3))
    assert np.abs(image - expected.permute(1, 2, 0).numpy() * 255).max() < 0.6
    before = gray.astype(float)
    recolor(gray, *changes(1))
    bright, contrast = 1 + 0.2 * 0.8, 1 - 0.2 * 0.6
    assert np.abs(gray - (bright * contrast * before + (1 - contrast) * bright * before.mean())).max() < 0.6


def test_mirror_images_are_half_of_them(animals):
    own = contract()
    image = held(animals, Form(own, 60), np.arange(1)).image(0)
    plain, mirrored = (
        np.stack([Crops(contract=own, flip=flip, jitter=0.0)(image, seed) for seed in range(400)])
        for flip in (False, True)
    )
    turned = (plain[:, :, ::-1] == mirrored).all(axis=(1, 2, 3))
    assert ((plain == mirrored).all(axis=(1, 2, 3)) | turned).all()
    assert 160 < turned.sum() < 240


def test_crops_of_a_batch_are_bit_for_bit_those_of_one_image_at_a_time(animals):
    made, pieces = batches(animals, contract(), "standard", True, side=60)
    images, one = held(animals, Form(contract(), 60), np.arange(12)), AUGMENTS["standard"](contract(), True)
    expected = load(Pieces(animals, one, 5, images), pieces, 0)
    assert all(torch.equal(a.pixels, b.pixels) for a, b in zip(made, expected, strict=True))


@pytest.mark.parametrize("augment", ["medical", "document", "none"])
def test_steps_take_kept_frames_as_what_the_contract_made(animals, augment):
    transform = AUGMENTS[augment](contract(), True)
    pieces = [Piece(2, np.arange(5)), Piece(3, np.arange(3, 12))]
    kept = load(Pieces(animals, transform, 5, held(animals, Form(contract()), np.arange(7))), pieces, 0)
    plain = load(Pieces(animals, transform, 5), pieces, 2)
    assert all(torch.equal(a.pixels, b.pixels) for a, b in zip(kept, plain, strict=True))


@pytest.mark.parametrize("augment", BATCHED)
def test_a_sample_that_comes_again_in_an_epoch_looks_different(animals, augment):
    own, side = contract(), 60 if augment == "standard" else None
    images = held(animals, Form(own, side), np.arange(12))
    piece = Piece(1, np.asarray([4] * 12), np.arange(12))
    (batch,) = load(BatchPieces(animals, BATCHED[augment](own, True), 5, images), [piece], 0)
    (plain,) = load(Pieces(animals, AUGMENTS[augment](own, True), 5, images if side else None), [piece], 0)
    assert torch.equal(batch.pixels, plain.pixels)
    assert len(np.unique(batch.pixels.numpy().reshape(12, -1), axis=0)) > (1 if augment == "none" else 10)
