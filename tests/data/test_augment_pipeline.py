"""Steps in a row are a pure function of image and seed, whoever makes the batches and whatever else draws numbers."""

import dataclasses
import random
import typing

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.config_steps import steps_of
from sightline.data import config as data_config
from sightline.data.augment.config import PRESETS, STEPS
from sightline.data.augment.pipeline import APPLY, WHOLE, Pipeline, in_short, preset_steps
from sightline.data.config import DataConfig
from sightline.data.contract import Contract
from sightline.data.loader import Pieces, evaluation_pieces, load
from sightline.data.samples import Samples
from sightline.data.transforms import AUGMENTS, active_steps, make_transform
from sightline.errors import ConfigError

EVERYTHING = [
    {"random_resized_crop": {"p": 0.7}},
    {"affine": {"shear": 5, "shift": 0.1, "border": "reflect"}},
    *("rotation90", "hflip", "vflip", "pad_crop", "grayscale", "brightness_contrast", "noise", "blur"),
    {"rotation": {"p": 0.5}},
    {"color_jitter": {"hue": 0.1}},
    {"erasing": {"p": 0.5, "fill": "noise"}},
    *({name: {"p": 0.3}} for name in ("randaugment", "trivialaugment", "augmix")),
]


def contract(color: str = "rgb", height: int = 24, width: int = 24) -> Contract:
    channels = 3 if color == "rgb" else 1
    return Contract(
        classes=("a", "b"), color=color, height=height, width=width, resize="squash", shorter=max(height, width),
        interpolation="bilinear", mean=(0.5,) * channels, std=(0.25,) * channels,
    )  # fmt: skip


def picture(size: tuple[int, int] = (40, 31)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def test_every_name_is_known_everywhere():
    assert set(STEPS) == set(APPLY) | set(WHOLE) and not set(APPLY) & set(WHOLE)
    assert list(PRESETS) == list(AUGMENTS) == list(typing.get_args(data_config.Preset))


@pytest.mark.parametrize("color", ["rgb", "gray"])
@pytest.mark.parametrize("size", [(40, 31), (24, 24), (1, 1), (2, 90)])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_gives_what_the_model_sees(name: str, size: tuple[int, int], color: str):
    transform = Pipeline(steps_of([{name: {"p": 1.0}}]), contract(color, 24, 20))
    for image in (picture(size), np.asarray(picture(size)), np.asarray(picture(size).convert("L"))):
        before = np.array(image)
        seen = transform(image, 3)
        assert seen.dtype == np.uint8 and seen.shape == (24, 20, 3 if color == "rgb" else 1)
        assert seen.flags.c_contiguous and np.array_equal(np.asarray(image), before)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_a_function_of_the_seed_alone(name: str):
    items = [{name: {"p": 0.8}}]
    first = [Pipeline(steps_of(items), contract())(picture(), seed) for seed in range(12)]
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    again = [Pipeline(steps_of(items), contract())(picture(), seed) for seed in reversed(range(12))][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert len({seen.tobytes() for seen in first}) >= 2


@pytest.mark.parametrize("name", [*AUGMENTS, "everything"])
def test_nobody_elses_random_numbers_are_taken(name: str):
    def three_draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.random()), float(torch.rand(()))

    def seed_all() -> None:
        random.seed(11)
        np.random.seed(11)
        torch.manual_seed(11)

    transform = make_transform(DataConfig(augment=EVERYTHING if name == "everything" else name), contract())
    seed_all()
    expected = three_draws()
    seed_all()
    for seed in range(8):
        transform(picture(), seed)
    assert three_draws() == expected


def test_batches_of_a_list_of_steps_do_not_depend_on_the_number_of_workers():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 30, 3), dtype=np.uint8)
    samples = Samples.from_arrays(pixels, [0, 1] * 10)
    dataset = Pieces(samples, make_transform(DataConfig(augment=EVERYTHING), contract()), seed=5)
    made = [
        torch.cat([batch.pixels for batch in load(dataset, evaluation_pieces(np.arange(20), 3), workers)])
        for workers in (0, 1, 2)
    ]
    assert torch.equal(made[0], made[1]) and torch.equal(made[0], made[2])


def test_steps_are_done_in_the_order_they_are_written_in():
    flat = np.full((24, 24, 3), 200, np.uint8)
    erase, turn = {"erasing": {"p": 1, "area": [0.3, 0.3], "fill": "black"}}, {"rotation": {"degrees": 180, "p": 1}}
    painted_last = Pipeline(steps_of([turn, erase]), contract())(flat, 4)
    painted_first = Pipeline(steps_of([erase, turn]), contract())(flat, 4)
    # A rectangle that was turned has interpolated edges; one that was painted last has none.
    assert set(np.unique(painted_last)) == {0, 200} and len(np.unique(painted_first)) > 2


def test_a_probability_is_how_often_a_step_is_done():
    transform = Pipeline(steps_of([{"hflip": {"p": 0.25}}]), contract())
    plain = contract().pixels(picture())
    mirrored = sum(not np.array_equal(transform(picture(), seed), plain) for seed in range(600))
    assert 115 < mirrored < 185


def test_light_moves_as_its_list_of_steps_does():
    size = 64
    gray = contract("gray", size)
    spots = [np.zeros((size, size), np.uint8) for _ in range(2)]
    spots[0][30:34, 14:18] = spots[1][30:34, 46:50] = 255  # left and right of the center
    ranges = []
    for way in (Pipeline(preset_steps("light", gray, False), gray), AUGMENTS["light"](gray, False)):
        places = np.asarray([[center_of(way(spot, seed)) for spot in spots] for seed in range(400)])
        between = places[:, 1] - places[:, 0]
        turn, length = np.arctan2(between[:, 1], between[:, 0]), np.linalg.norm(between, axis=1)
        moves = places.mean(axis=1)
        ranges.append([turn.min(), turn.max(), *length[[length.argmin(), length.argmax()]] / 32, *moves.min(0) / size])
    assert np.allclose(*ranges, atol=0.02), ranges


def center_of(seen):
    """Where the light of a picture lies: x, y."""
    across, down = seen[:, :, 0].sum(axis=0) / seen.sum(), seen[:, :, 0].sum(axis=1) / seen.sum()
    return (across * np.arange(len(across))).sum(), (down * np.arange(len(down))).sum()


def test_presets_fit_the_size_and_the_color_of_the_images():
    def names(preset: str, own: Contract, flip: bool = True) -> list[str]:
        return [step.name for step in preset_steps(preset, own, flip)]

    photo, digit = contract(height=224, width=224), contract("gray", 28, 28)
    assert names("strong", photo) == ["random_resized_crop", "hflip", "color_jitter", "grayscale", "blur", "erasing"]
    assert names("strong", digit) == ["pad_crop", "hflip", "color_jitter", "blur", "erasing"]
    assert names("trivialaugment", digit, False) == ["pad_crop", "trivialaugment"]
    assert names("standard", digit) == ["random_resized_crop", "hflip", "color_jitter"]
    assert names("none", photo) == ["hflip"] and names("none", photo, False) == []
    jitter = preset_steps("strong", digit, False)[1].options
    assert (jitter.saturation, jitter.hue, jitter.contrast) == (0, 0, 0.4)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        (["grayscale"], "data.augment[0], grayscale, has no effect: the images are gray"),
        (
            ["hflip", {"color_jitter": {"hue": 0.1}}],
            "data.augment[1].color_jitter.hue has no effect: the images are gray",
        ),
    ],
)
def test_color_steps_on_gray_images_are_refused(items: list, told: str):
    data = DataConfig(augment=items)
    with pytest.raises(ConfigError, match="has no effect") as caught:
        make_transform(data, contract("gray"))
    assert caught.value.what == told and "data.color=rgb" in caught.value.hint
    assert make_transform(data, contract())(picture(), 0).shape == (24, 24, 3)


def test_steps_are_told_in_short():
    steps = active_steps(
        DataConfig(augment=[{"erasing": {"area": [0.1, 0.1], "ratio": [1, 1], "p": 1}}, "color_jitter"]),
        contract("gray"),
    )
    assert [in_short(step) for step in steps] == [
        ("erasing", "area 0.1, ratio 1, fill mean"),
        ("color_jitter", "brightness 0.2, contrast 0.2"),
    ]


@pytest.mark.parametrize("name", ["randaugment", "trivialaugment", "augmix"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_policies_take_every_filter_and_color(name: str, interpolation: str):
    for color in ("rgb", "gray"):
        own = dataclasses.replace(contract(color), interpolation=interpolation)
        transform = Pipeline(steps_of([name]), own)
        seen = {transform(picture(), seed).tobytes() for seed in range(25)}
        assert len(seen) > 8
