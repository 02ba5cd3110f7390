"""Every preset honours the contract of transforms, and each way to break it is named."""

import itertools

import numpy as np
import pytest

from sightline.data.contract import Contract
from sightline.data.transforms import AUGMENTS
from sightline.errors import PlugError
from sightline.testing import check_transform

COUNTER = itertools.count()


def contract(color: str = "rgb") -> Contract:
    channels = 3 if color == "rgb" else 1
    return Contract(
        classes=("a", "b"), color=color, height=18, width=14, resize="crop", shorter=20, interpolation="bicubic",
        mean=(0.5,) * channels, std=(0.25,) * channels,
    )  # fmt: skip


@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize("name", AUGMENTS)
def test_presets_honour_it(name: str, color: str):
    check_transform(lambda own: AUGMENTS[name](own, True), contract(color))


def darkened(image, own):
    image.paste(0, (0, 0, 1, 1))
    return own.pixels(image)


@pytest.mark.parametrize(
    ("transform", "clause"),
    [
        (lambda own: 3, "is a function of image and seed"),
        (lambda own: lambda image, seed: own.pixels(image) / 255, r"gives uint8 \[height, width, channels\]"),
        (lambda own: lambda image, seed: np.asarray(image), "of the contract's size"),
        (lambda own: lambda image, seed: own.pixels(image) // 2 + next(COUNTER) % 7, "equal pixels for equal seeds"),
        (lambda own: lambda image, seed: darkened(image, own), "leaves the image as it is"),
    ],
)
def test_a_broken_clause_is_named(transform, clause: str):
    with pytest.raises(PlugError, match=clause):
        check_transform(transform, contract())
