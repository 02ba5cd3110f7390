"""A user's own augmentation is tried before anything is built, and takes no random numbers from anybody."""

import random
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sightline import plug
from sightline.data.config import DataConfig
from sightline.data.contract import Contract
from sightline.data.transforms import make_transform
from sightline.errors import PlugError

EXAMPLES = Path(__file__).parents[2] / "examples"
RGB = Contract(
    classes=("a", "b"), color="rgb", height=20, width=20, resize="squash", shorter=20, interpolation="bilinear",
    mean=(0.5,) * 3, std=(0.25,) * 3,
)  # fmt: skip
GLOBAL = """
import random
import numpy as np
import torch

def make(contract):
    def transform(image, seed):
        pixels = contract.pixels(image).copy()
        pixels[0, 0] = [random.randrange(256), np.random.randint(256), int(torch.randint(256, ()))]
        return pixels
    return transform
"""


def picture(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (31, 40, 3), dtype=np.uint8)).convert(mode)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that makes the augmentation ``own:make`` of this source."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plug, "_search", [])

    def made(source: str, contract: Contract = RGB):
        (tmp_path / "own.py").write_text(source)
        monkeypatch.delitem(sys.modules, "sightline_plug_own", raising=False)
        return make_transform(DataConfig(augment="own:make"), contract)

    return made


def test_it_sees_a_picture_in_the_contracts_color_whatever_was_read(own):
    transform = own("def make(contract):\n    return lambda image, seed: image.resize((20, 20))")
    for image in (picture("RGBA"), picture("L"), picture("P"), np.asarray(picture("L"))):
        seen = transform(image, 0)
        assert seen.dtype == np.uint8 and seen.shape == (20, 20, 3) and seen.flags.c_contiguous


def test_global_generators_are_lent_and_put_back(own):
    transform = own(GLOBAL)
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    expected = random.random(), np.random.random(), torch.rand(()).item()
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    first = [transform(picture(), seed) for seed in range(6)]
    assert (random.random(), np.random.random(), torch.rand(()).item()) == expected
    again = [transform(picture(), seed) for seed in range(6)]
    assert np.array_equal(first, again)
    assert len({seen[0, 0].tobytes() for seen in first}) == 6


@pytest.mark.parametrize(
    ("source", "what", "got"),
    [
        ("def make():\n    return 3", "'own:make' could not be made from the contract", "TypeError"),
        ("def make(contract):\n    return 3", "'own:make' did not give a transform", "int"),
        ("def make(contract):\n    return lambda image: image", "'own:make' failed on a gray picture", "TypeError"),
        (
            "def make(contract):\n    return lambda image, seed: image",
            "does not give what the model sees",
            "[40, 40, 3]",
        ),
        (
            "def make(contract):\n    return lambda image, seed: contract.pixels(image) / 255",
            "does not give what the model sees",
            "float64 [20, 20, 3]",
        ),
        ("other = 1", "'own' has no 'make'", "own:make"),
    ],
)
def test_one_that_breaks_its_contract_is_named_before_the_training(own, source: str, what: str, got: str):
    with pytest.raises(PlugError) as caught:
        own(source)
    assert what in caught.value.what and got in str(caught.value.got) and caught.value.where == "data.augment"


def test_the_example_puts_dirt_on_some_of_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copy(EXAMPLES / "my_augment.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    transform = make_transform(DataConfig(augment="my_augment:dirty"), RGB)
    plain = RGB.pixels(picture())
    clean = sum(np.array_equal(transform(picture(), seed), plain) for seed in range(80))
    assert 8 <= clean <= 35  # one in four has no spot
    assert np.array_equal(transform(picture(), 5), transform(picture(), 5))


def fake_albumentations() -> types.ModuleType:
    """What the example uses of that library: steps on arrays, and a pipeline that is given a seed."""
    module = types.ModuleType("albumentations")

    class Compose:
        def __init__(self, steps, seed=None):
            assert 0 <= seed < 2**32
            self.steps, self.random = steps, random.Random(seed)

        def __call__(self, *, image):
            assert isinstance(image, np.ndarray)
            for step in self.steps:
                image = step(image, self.random)
            return {"image": image}

    def crop(size, scale):
        def step(image, own):
            side = int(min(image.shape[:2]) * own.uniform(*scale) ** 0.5)
            top, left = own.randrange(image.shape[0] - side + 1), own.randrange(image.shape[1] - side + 1)
            return np.asarray(Image.fromarray(image[top : top + side, left : left + side]).resize(size[::-1]))

        return step

    def gamma(p):
        def step(image, own):
            power = own.uniform(0.8, 1.2) if own.random() < p else 1.0
            return (255 * (image / 255) ** power).round().astype(np.uint8)

        return step

    module.Compose, module.RandomResizedCrop, module.RandomGamma = Compose, crop, gamma
    return module


def test_the_albumentations_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copy(EXAMPLES / "albumentations_augment.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "albumentations", fake_albumentations())
    transform = make_transform(DataConfig(augment="albumentations_augment:make"), RGB)
    seeds = [0, 1, 2, 2**62 + 5, 2**63 - 1]
    seen = [transform(picture(), seed) for seed in seeds]
    assert len({one.tobytes() for one in seen}) == len(seeds)
    assert np.array_equal(seen, [transform(picture(), seed) for seed in seeds])
