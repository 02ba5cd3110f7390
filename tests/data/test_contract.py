"""The preprocessing contract: the same pixels everywhere, the same hash for the same meaning."""

import dataclasses
import io
import itertools
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from sightline.data.contract import FILTERS, Contract
from sightline.data.outputs import Outputs
from sightline.data.torch_transform import torch_transform
from sightline.errors import DataError, ImageError

RULES = ("crop", "squash", "pad")
SIZES = ((224, 224, 256), (97, 131, 131), (33, 20, 35))


def contract(**changes: object) -> Contract:
    fields = {
        "classes": ("cat", "dog"),
        "color": "rgb",
        "height": 64,
        "width": 64,
        "resize": "crop",
        "shorter": 72,
        "interpolation": "bilinear",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
    }
    if changes.get("color") == "gray":
        fields |= {"mean": (0.5,), "std": (0.25,)}
    return Contract(**(fields | changes))  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> list[Image.Image]:
    """Real photos of odd sizes: three whole ones, and cuts of them and of TrashNet."""
    whole = [Image.open(path).convert("RGB") for path in sorted((shared_data / "photos").glob("*.*g"))]
    with zipfile.ZipFile(shared_data / "trashnet-384x288.zip") as archive:
        names = ("trashnet/glass/glass12.jpg", "trashnet/paper/paper333.jpg", "trashnet/trash/trash70.jpg")
        whole += [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]
    cuts = [(0, 0, 301, 217), (13, 7, 14 + 99, 7 + 283), (5, 5, 5 + 61, 5 + 53), (0, 0, 257, 31)]
    return whole + [image.crop(cut) for image, cut in zip(whole, cuts, strict=False)]


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_torchvision_agrees_on_every_pixel(
    photos: list[Image.Image], color: str, rule: str, interpolation: str
) -> None:
    for (height, width, shorter), image in itertools.product(SIZES, photos):
        own = contract(
            color=color, resize=rule, interpolation=interpolation, height=height, width=width, shorter=shorter, fill=77
        )
        expected = own.pixels(image).astype(int)
        transform = torch_transform(own)
        assert np.array_equal(transform(image).permute(1, 2, 0).numpy(), expected)
        decoded = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        for given in (decoded, decoded.contiguous()):
            got = transform(given)
            assert got.dtype == torch.uint8
            assert np.abs(got.permute(1, 2, 0).numpy() - expected).max() <= 1, (image.size, (height, width))


def test_the_crop_is_torchvisions_own_resize_and_center_crop(photos: list[Image.Image]) -> None:
    own = contract(height=224, width=224, shorter=256, interpolation="bicubic")
    theirs = v2.Compose([v2.Resize(256, v2.InterpolationMode.BICUBIC), v2.CenterCrop(224)])
    for image in photos:
        assert np.array_equal(own.pixels(image), np.asarray(theirs(image)))


def test_scaled_equals_torchvisions_normalize(photos: list[Image.Image]) -> None:
    own = contract()
    pixels = np.stack([own.pixels(image) for image in photos])
    shares = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    expected = v2.functional.normalize(shares, list(own.mean), list(own.std))
    got = own.scaled(pixels)
    assert got.dtype == np.float32
    assert np.array_equal(got, expected.numpy())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (64, 64), (72, 72), (65, 63), (3000, 2)])
def test_any_picture_becomes_the_stated_size(rule: str, size: tuple[int, int]) -> None:
    for color in ("rgb", "gray"):
        own = contract(resize=rule, color=color)
        image = Image.new("RGB", size, (9, 9, 9))
        assert own.pixels(image).shape == (64, 64, own.channels)
        assert torch_transform(own)(image).shape == (own.channels, 64, 64)


def test_the_border_of_pad_has_its_color_and_the_picture_stands_in_the_middle() -> None:
    pixels = contract(resize="pad", fill=128).pixels(Image.new("RGB", (40, 20), "white"))
    assert (pixels[:16] == 128).all()
    assert (pixels[16:48] == 255).all()
    assert (pixels[48:] == 128).all()


def test_pixels_of_arrays_and_of_images_are_the_same() -> None:
    gray = np.arange(900, dtype=np.uint32).reshape(30, 30).astype(np.uint8)
    own = contract(color="gray")
    expected = own.pixels(Image.fromarray(gray))
    assert np.array_equal(own.pixels(gray), expected)
    assert np.array_equal(own.pixels(gray[:, :, None]), expected)
    assert np.array_equal(contract().pixels(np.stack([gray] * 3, axis=2)), contract().pixels(gray))


def test_a_picture_that_was_not_turned_yet_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "turned.png"
    Image.fromarray(np.arange(40 * 80 * 3, dtype=np.uint32).reshape(40, 80, 3).astype(np.uint8)).save(path, exif=exif)
    own = contract(resize="pad")
    read = own.read(path)
    assert np.array_equal(own.pixels(Image.open(path)), read)
    assert np.array_equal(torch_transform(own)(Image.open(path)).permute(1, 2, 0).numpy(), read)


def test_a_file_whose_pixels_have_no_agreed_range_is_named(tmp_path: Path) -> None:
    path = tmp_path / "depth.tif"
    Image.new("F", (4, 4)).save(path)
    with pytest.raises(ImageError, match=r"no agreed range \(.*depth\.tif\)\n  got: mode F"):
        contract().read(path)


def test_a_tensor_that_is_no_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"not an image\n  got: torch.float32 \[3, 4, 4\]\n  allowed: uint8"):
        torch_transform(contract())(torch.zeros(3, 4, 4))


def test_save_and_load_round_trip(tmp_path: Path) -> None:
    own = contract(classes=("Ж", "a b", "c,d"), mean=(0.1, 1 / 3, 0.7))
    own.save(tmp_path / "contract.json")
    loaded = Contract.load(tmp_path / "contract.json")
    assert loaded == own
    assert loaded.hash == own.hash
    assert Contract.from_dict(own.as_dict()) == own


def test_the_hash_is_the_same_in_every_process() -> None:
    program = (
        "from sightline.data.contract import Contract;"
        f"print(Contract.from_dict({contract().as_dict()!r}).hash, end='');"
        "import sys; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == contract().hash
    assert contract().hash == "0200367a1dc99b876f2e1472ece347f7aca8fb55b6a9d65db0c4a87fa7842ab7"


CHANGES = (
    {"classes": ("dog", "cat")},
    {"classes": ("cat", "dog", "eel")},
    {"color": "gray"},
    {"height": 63},
    {"width": 63},
    {"resize": "squash"},
    {"shorter": 73},
    {"interpolation": "bicubic"},
    {"mean": (0.486, 0.456, 0.406)},
    {"std": (0.230, 0.224, 0.225)},
    {"fill": 1},
    {"temperature": 1.5},
    {"outputs": Outputs(kind="labels")},
    {"outputs": Outputs(kind="labels", threshold=0.3)},
    {"outputs": Outputs(kind="numbers", mean=(1.0, 0.0), std=(1.0, 2.0))},
    {"outputs": Outputs(kind="numbers", mean=(1.0, 0.0), std=(1.0, 2.0), units=("cm", "kg"))},
)


def test_every_field_changes_the_hash() -> None:
    hashes = {contract(**change).hash for change in CHANGES} | {contract().hash}
    assert len(hashes) == len(CHANGES) + 1
    changed = {key for change in CHANGES for key in change}
    assert changed == {field.name for field in dataclasses.fields(Contract)}


def test_equal_contracts_have_equal_hashes() -> None:
    whole, fractions = contract(mean=(0, 0, 0), std=(1, 1, 1)), contract(mean=(0.0,) * 3, std=(1.0,) * 3)
    assert whole == fractions
    assert whole.hash == fractions.hash


def test_a_file_changed_by_hand_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    contract().save(path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"classes": ["dog", "cat"]}))
    with pytest.raises(DataError, match=r"the preprocessing contract was changed \(.*contract\.json\)"):
        Contract.load(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"hash": "x"}'])
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contract.json"
    path.write_text(text)
    with pytest.raises(DataError, match="not a preprocessing contract"):
        Contract.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the preprocessing contract \(.*gone\.json\)"):
        Contract.load(tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": ()}, "classes are not distinct names"),
        ({"classes": ("cat", "cat")}, "classes are not distinct names"),
        ({"classes": ("cat", "")}, "classes are not distinct names"),
        ({"color": "bgr"}, "color 'bgr' is none of rgb, gray"),
        ({"resize": "zoom"}, "resize 'zoom' is none of crop, squash, pad"),
        ({"interpolation": "area"}, "interpolation 'area' is none of nearest, bilinear, bicubic, lanczos"),
        ({"height": 0}, "a size of 0 x 64"),
        ({"height": 64.0}, "not all whole numbers"),
        ({"fill": 256}, "border 256"),
        ({"shorter": 63}, "a shorter side of 63 does not cover 64 x 64"),
        ({"mean": (0.5,)}, r"mean and std need one value per channel \(3 for rgb\), not \[0.5\]"),
        ({"mean": ("a", "b", "c")}, "not all finite numbers"),
        ({"std": (1.0, float("nan"), 1.0)}, "not all finite numbers"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be above zero"),
        ({"outputs": Outputs(kind="labels", threshold=1.0)}, "a threshold of 1.0"),
        ({"outputs": Outputs(kind="numbers", mean=(1.0,), std=(1.0,))}, "one mean, std and unit for each of 2 numbers"),
        ({"outputs": Outputs(kind="numbers", mean=(1.0, 0.0), std=(1.0, 0.0))}, "std of the numbers must be above"),
    ],
)
def test_what_cannot_be_honoured_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        contract(**change)


def test_missing_and_unknown_fields_are_named() -> None:
    document = contract().as_dict()
    del document["fill"]
    with pytest.raises(DataError, match="missing or unknown fields: blur, fill"):
        Contract.from_dict(document | {"blur": 1})
    with pytest.raises(DataError, match="mean is no list"):
        Contract.from_dict(contract().as_dict() | {"mean": 0.5})


def test_a_contract_of_classes_is_written_as_before_so_that_older_files_stay_valid() -> None:
    document = contract().as_dict()
    assert document["version"] == 1 and "outputs" not in document
    assert contract().hash == "0200367a1dc99b876f2e1472ece347f7aca8fb55b6a9d65db0c4a87fa7842ab7"
    assert Contract.from_dict(document) == contract()


@pytest.mark.parametrize("change", CHANGES[-4:])
def test_labels_and_numbers_survive_the_file(tmp_path: Path, change: dict[str, object]) -> None:
    own = contract(**change)
    own.save(tmp_path / "contract.json")
    assert Contract.load(tmp_path / "contract.json") == own
    assert own.as_dict()["version"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 4}, "of another version\n  got: 4\n  allowed: 1, 2, 3"),
        ({"version": 2}, "missing or unknown fields: outputs"),
        ({"outputs": {"kind": "labels", "threshold": 0.5}}, "missing or unknown fields: outputs"),
        ({"version": 2, "outputs": {"kind": "boxes"}}, "got: outputs"),
        ({"version": 2, "outputs": {"kind": "labels"}}, "got: outputs"),
        ({"version": 2, "outputs": 3}, "got: outputs"),
    ],
)
def test_outputs_that_are_not_known_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Contract.from_dict(contract().as_dict() | change)


def test_a_temperature_is_kept_and_hashed_and_is_not_there_where_it_is_one(tmp_path: Path) -> None:
    own = contract(temperature=1.7)
    own.save(tmp_path / "contract.json")
    assert Contract.load(tmp_path / "contract.json") == own
    assert own.as_dict()["version"] == 3 and own.hash != contract().hash
    assert contract(temperature=1.0).as_dict() == contract().as_dict()


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), "hot"])
def test_a_temperature_that_is_none_is_refused(temperature: object) -> None:
    with pytest.raises(DataError, match="a temperature of"):
        Contract.from_dict(contract(temperature=2.0).as_dict() | {"temperature": temperature})


def test_a_temperature_of_labels_is_refused() -> None:
    with pytest.raises(DataError, match="a temperature without classes"):
        contract(temperature=2.0, outputs=Outputs(kind="labels"))
