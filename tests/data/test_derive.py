"""What ``auto`` makes of the preprocessing, and that it says so."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from sightline.data.config import DataConfig
from sightline.data.derive import Preferred, derive_contract, image_of
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import scan
from sightline.errors import ImageError

IMAGENET = Preferred(
    size=224, crop_share=0.875, interpolation="bicubic", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


def derived(samples, preferred=None, pretrained=False, **settings):
    told = {}
    contract = derive_contract(
        DataConfig(**settings), samples, scan(samples), preferred, pretrained,
        lambda setting, value, why: told.update({setting: (value, why)}),
    )  # fmt: skip
    return contract, told


def arrays(shape, parts=None):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return Samples.from_arrays(pixels, [0, 1] * (shape[0] // 2), parts=parts or ["train"] * shape[0])


def test_small_gray_images_are_used_whole_and_measured():
    samples = arrays((6, 28, 28), ["train"] * 4 + ["val"] * 2)
    contract, told = derived(samples)
    assert (contract.color, contract.height, contract.width, contract.resize) == ("gray", 28, 28, "squash")
    scaled = samples.pixels[:4] / 255
    assert contract.mean == (round(float(scaled.mean()), 4),) and contract.std == (round(float(scaled.std()), 4),)
    assert told["data.color"] == ("gray", "every image is gray")
    assert told["data.image_size"] == (28, "the images' own size")
    assert told["data.interpolation"] == ("bilinear", "no image is resized")
    assert told["data.mean"] == ([contract.mean[0]], "measured on 4 training images")


def test_color_is_measured_channel_by_channel():
    samples = arrays((4, 12, 12, 3))
    samples.pixels[..., 2] //= 4
    contract, told = derived(samples)
    expected = (samples.pixels / 255).reshape(-1, 3)
    assert contract.color == "rgb" and told["data.color"] == ("rgb", "the images have color")
    assert contract.mean == tuple(round(float(v), 4) for v in expected.mean(axis=0))
    assert contract.std == tuple(round(float(v), 4) for v in expected.std(axis=0))


def test_pretrained_weights_get_the_input_they_were_trained_with():
    contract, told = derived(arrays((4, 28, 28)), IMAGENET, True)
    assert (contract.color, contract.height, contract.resize, contract.shorter) == ("rgb", 224, "crop", 256)
    assert (contract.interpolation, contract.mean, contract.std) == ("bicubic", IMAGENET.mean, IMAGENET.std)
    assert told["data.color"] == ("rgb", "the pretrained weights see color")
    assert told["data.mean"] == ([0.485, 0.456, 0.406], "the model's own")


def test_large_images_without_a_model_of_their_own_size(tmp_path, image_folder):
    samples = read(image_folder(tmp_path, {"a": 2, "b": 2}, size=(130, 110), parts=["train"]))
    contract, told = derived(samples)
    assert (contract.height, contract.width, contract.resize, contract.shorter) == (110, 110, "crop", 110)
    assert told["data.image_size"] == (110, "that of the images") and told["data.resize"][0] == "crop"


def test_what_is_set_is_kept_and_not_told():
    fixed = {
        "image_size": 40,
        "color": "gray",
        "resize": "pad",
        "interpolation": "lanczos",
        "mean": (0.1,),
        "std": (0.2,),
    }
    contract, told = derived(arrays((4, 28, 28, 3)), IMAGENET, True, **fixed)
    assert told == {}
    assert (contract.height, contract.color, contract.resize, contract.interpolation) == (40, "gray", "pad", "lanczos")
    assert (contract.mean, contract.std) == ((0.1,), (0.2,))


def test_mean_alone_can_be_set():
    contract, told = derived(arrays((4, 28, 28)), mean=(0.25,))
    assert contract.mean == (0.25,) and "data.mean" not in told and told["data.std"][1].startswith("measured on")


def test_only_the_training_part_is_measured():
    samples = arrays((8, 10, 10), ["train", "train", "val", "test"] * 2)
    samples.pixels[samples.parts > 0] = 255
    contract, _ = derived(samples)
    train = samples.pixels[samples.parts == 0] / 255
    assert contract.mean == (round(float(train.mean()), 4),)


def test_flat_images_do_not_divide_by_zero():
    samples = dataclasses.replace(arrays((4, 10, 10)), pixels=np.full((4, 10, 10), 7, np.uint8))
    assert derived(samples)[0].std == (0.01,)


def test_classes_are_those_of_the_samples():
    samples = Samples.from_arrays(np.zeros((2, 9, 9), np.uint8), ["Ä", "b c"], parts=["train", "train"])
    assert derived(samples)[0].classes == ("b c", "Ä")


def test_the_image_of_a_sample(tmp_path, image_folder):
    samples = read(image_folder(tmp_path, {"a": 1, "b": 1}))
    assert isinstance(image_of(samples, 1), Image.Image)
    (tmp_path / "b" / "0.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"b/0.png is empty"):
        image_of(samples, 1)
    assert image_of(arrays((2, 5, 5)), 0).shape == (5, 5)
