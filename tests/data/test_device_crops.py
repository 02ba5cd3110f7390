"""Crops made on the device: those of the workers, resized as Pillow does."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.data.ahead import on_device
from sightline.data.batched import BATCHED
from sightline.data.cache import held
from sightline.data.contract import FILTERS, Contract
from sightline.data.cropped import Crops
from sightline.data.device_crops import UncutPieces, finished, resampling
from sightline.data.kept import Form
from sightline.data.loader import BatchPieces, Piece, evaluation_pieces, load
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.errors import ImageError

CPU = torch.device("cpu")
PHOTOS = ("chelsea.png", "coffee.png", "tfjs_coffee.jpg")


def contract(side=64, **changes):
    own = {
        "classes": ("cat", "dog"), "color": "rgb", "height": side, "width": side, "resize": "squash", "shorter": side,
        "interpolation": "bilinear", "mean": (0.5,) * 3, "std": (0.25,) * 3,
    }  # fmt: skip
    return Contract(**own | changes)


@pytest.fixture(scope="module")
def photo(shared_data):
    return Image.open(shared_data / "photos" / PHOTOS[0]).convert("RGB")


@pytest.fixture(scope="module")
def photos(shared_data, tmp_path_factory):
    """Real photos of several shapes, in two classes."""
    folder = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(PHOTOS * 3):
        image = Image.open(shared_data / "photos" / name).convert("RGB")
        path = folder / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        image.resize((image.width // (2 + number % 3), image.height // 2)).save(path)
    return read(folder)


def made(samples, dataset, own, pieces=None):
    everything = pieces or evaluation_pieces(np.arange(len(samples)), 4)
    return torch.cat([batch.pixels for batch in on_device(load(dataset, everything, 0), CPU, own)])


@pytest.mark.parametrize("filter_name", list(FILTERS))
@pytest.mark.parametrize("size", [(40, 31), (64, 64), (97, 150), (280, 200)], ids=str)
def test_resizing_is_pillows(photo, filter_name, size):
    crop = photo.crop((60, 20, 60 + size[0], 20 + size[1]))
    expected = np.asarray(crop.resize((64, 64), FILTERS[filter_name])).astype(float)
    pixels = torch.randint(0, 255, (1, 300, 288, 3), dtype=torch.uint8)  # what lies beside a crop does not matter
    pixels[0, : size[1], : size[0]] = torch.from_numpy(np.asarray(crop).copy())
    plain = torch.eye(3).view(1, -1)
    numbers = torch.cat([torch.tensor([[size[1], size[0], 0.0]]), plain, torch.zeros(1, 9)], dim=1)
    apart = np.abs(finished(pixels, numbers, contract(interpolation=filter_name))[0].numpy() - expected)
    assert apart.max() <= (0 if filter_name == "nearest" else 1)
    # Pillow takes the order of columns and rows that has less to do; ours is always this one.
    assert size[1] > size[0] or apart.mean() < 0.05


@pytest.mark.parametrize("filter_name", list(FILTERS))
def test_what_overshoots_is_cut_off_where_pillow_does(filter_name):
    noise = np.random.default_rng(0).integers(0, 2, (60, 50, 3), dtype=np.uint8) * 255
    expected = np.asarray(Image.fromarray(noise).resize((112, 112), FILTERS[filter_name])).astype(float)
    numbers = torch.cat([torch.tensor([[60, 50, 0.0]]), torch.eye(3).view(1, -1), torch.zeros(1, 9)], dim=1)
    made = finished(torch.from_numpy(noise)[None], numbers, contract(112, interpolation=filter_name))
    assert np.abs(made[0].numpy() - expected).max() <= 1


def test_every_row_of_the_matrix_is_a_mean():
    for name in FILTERS:
        sums = resampling(torch.tensor([7.0, 30.0, 50.0]), 50, 20, name).sum(dim=2)
        assert torch.allclose(sums, torch.ones(3, 20), atol=1e-5)


@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_they_are_the_crops_of_the_workers(photos, color):
    """The same boxes, mirror images and colors; resized by another filter, so compared as pictures."""
    gray = {"color": "gray", "mean": (0.5,), "std": (0.25,)} if color == "gray" else {}
    own = contract(**gray)
    images = held(photos, Form(own, 96), np.arange(len(photos)))
    crops = Crops(contract=own, flip=True)
    on_workers = made(photos, BatchPieces(photos, BATCHED["standard"](own, True), 5, images), own).float()
    there = made(photos, UncutPieces(photos, crops, 5, images), own).float()
    assert there.shape == on_workers.shape
    apart, mirrored = (there - on_workers).abs(), (there.flip(2) - on_workers).abs()
    assert apart.mean() < 2
    assert (mirrored.mean(dim=(1, 2, 3)) > 2 * apart.mean(dim=(1, 2, 3))).all()


def test_an_image_is_cropped_alike_in_any_company(photos):
    own = contract()
    images = held(photos, Form(own, 96), np.arange(len(photos)))
    dataset = UncutPieces(photos, Crops(contract=own, flip=True), 5, images)
    together = made(photos, dataset, own, [Piece(3, np.arange(9))])
    alone = made(photos, dataset, own, [Piece(3, np.asarray([place])) for place in range(9)])
    apart = (together.int() - alone.int()).abs()
    assert apart.max() <= 1 and apart.float().mean() < 0.001  # sums of another length may round another way
    assert torch.equal(together, made(photos, dataset, own, [Piece(3, np.arange(9))]))
    assert not torch.equal(together, made(photos, dataset, own, [Piece(4, np.arange(9))]))


def test_other_batches_pass_unchanged(photos):
    own = contract()
    images = held(photos, Form(own), np.arange(len(photos)))
    pieces = evaluation_pieces(np.arange(9), 4)
    dataset = BatchPieces(photos, BATCHED["none"](own, False), 0, images)
    for before, after in zip(load(dataset, pieces, 0), on_device(load(dataset, pieces, 2), CPU, own), strict=True):
        for field in dataclasses.fields(before):
            values = [getattr(batch, field.name) for batch in (before, after)]
            assert values[0] is values[1] is None or torch.equal(*values)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_cannot_be_decoded_is_named(tmp_path, image_folder, workers):
    samples = read(image_folder(tmp_path, {"cat": 3, "dog": 3}))
    images = held(samples, Form(contract(20), 60), np.arange(2))
    samples.file(4).write_bytes(b"")
    dataset = UncutPieces(samples, Crops(contract=contract(20), flip=True), 5, images)
    with pytest.raises(ImageError, match=r"dog/1.png is empty"):
        list(on_device(load(dataset, evaluation_pieces(np.arange(6), 2), workers), CPU, contract(20)))


def test_images_of_one_pixel_are_enlarged():
    samples = Samples.from_arrays(np.full((2, 1, 1, 3), 77, np.uint8), [0, 1], classes=("cat", "dog"))
    own = contract(8)
    images = held(samples, Form(own, 12), np.arange(2))
    dataset = UncutPieces(samples, Crops(contract=own, flip=True, jitter=0.0), 5, images)
    assert (made(samples, dataset, own) == 77).all()
