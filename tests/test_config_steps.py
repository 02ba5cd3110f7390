"""Augmentation steps and symmetric classes in the settings: what is accepted, and how each fault is told."""

import json
from pathlib import Path

import pytest

from sightline import config_file
from sightline.config_schema import json_schema
from sightline.config_steps import steps_of
from sightline.data.augment.config import STEPS, Affine, Erasing
from sightline.errors import ConfigError


def fault(*settings: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config_file.load(None, settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("light", "light"),
        ("none", "none"),
        ("trivialaugment", "trivialaugment"),
        ("my_file:make", "my_file:make"),
        ("[hflip, {rotation: {degrees: 1e1}}]", ["hflip", {"rotation": {"degrees": 10.0}}]),
        ("[{erasing: }]", [{"erasing": None}]),
    ],
)
def test_presets_plugs_and_lists_are_accepted(given: str, value: object):
    assert config_file.load(None, [f"data.augment={given}"]).config.data.augment == value


def test_a_list_survives_the_files_of_a_run(tmp_path: Path):
    file = tmp_path / "photos.yaml"
    file.write_text("data:\n  augment:\n    - hflip\n    - affine:\n        scale: [0.8, 1]\n    - erasing:\n")
    config = config_file.load(file).config
    config_file.dump(config, {}, tmp_path / "config.yaml")
    again = config_file.load_resolved(tmp_path / "config.yaml")
    assert again.data.augment == config.data.augment == ["hflip", {"affine": {"scale": [0.8, 1]}}, {"erasing": None}]
    _, affine, erasing = steps_of(again.data.augment)
    assert affine.options == Affine(scale=(0.8, 1.0)) and affine.given == {"scale"}
    assert erasing.options == Erasing() and not erasing.given


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("standrad", ["unknown augmentation 'standrad'", "did you mean 'standard'?"]),
        ("hflip", ["unknown augmentation 'hflip'", "a step stands in a list: [hflip]"]),
        ("[hflop]", ["data.augment[0]: unknown augmentation step 'hflop'", "did you mean 'hflip'", "rotation90"]),
        ("[light]", ["unknown augmentation step 'light'", "light is a preset"]),
        (
            "[hflip, {rotation: {degres: 10}}]",
            ["[1]: rotation has no option 'degres'", "allowed: degrees, border, p", "did you mean 'degrees'?"],
        ),
        ("[{rotation: {degrees: 400}}]", ["data.augment[0].rotation.degrees", "got: 400", "above 0 and up to 180"]),
        ("[{rotation: 15}]", ["got: 15", "name the option: {rotation: {degrees: 15}}"]),
        ("[{rotation: {border: wrap}}]", ["rotation.border", "one of edge, reflect, black, white"]),
        ("[{erasing: {area: 0.3}}]", ["erasing.area", "a list of 2 numbers above 0 and up to 1"]),
        ("[{erasing: {area: [0.3]}}]", ["erasing.area", "got: [0.3]"]),
        ("[{erasing: {area: [0.3, 0.1]}}]", ["got: [0.3, 0.1]", "the smaller number first"]),
        ("[{noise: {sigma: [0, .inf]}}]", ["noise.sigma", "from 0 and up to 1"]),
        ("[{randaugment: {ops: 1.5}}]", ["randaugment.ops", "a whole number from 1 and up to 10"]),
        ("[{hflip: {p: 0}}]", ["hflip.p", "got: 0", "above 0"]),
        ("[{hflip: {}, vflip: {}}]", ["data.augment[0] cannot have this value", "{name: {option: value, …}}"]),
        ("[3]", ["data.augment[0] cannot have this value", "got: 3"]),
        ("[hflip, random_resized_crop]", ["data.augment[1]: random_resized_crop must be the first step"]),
        ("[]", ["data.augment has no steps", "data.augment=none"]),
        ("{hflip: {}}", ["a list of steps, not a table"]),
        ("3", ["data.augment cannot have this value", "my_file:thing"]),
        (":make", ["unknown augmentation ':make'"]),
    ],
)
def test_each_fault_is_told_with_what_would_be_right(given: str, told: list[str]):
    message = fault(f"data.augment={given}")
    assert all(words in message for words in [*told, f"-s data.augment={given}"]), message


def test_every_fault_of_a_list_is_told_at_once_beside_the_others(tmp_path: Path):
    file = tmp_path / "photos.yaml"
    file.write_text("seed: -1\ndata:\n  augment: [hflop, {blur: {sigma: [3, 1], q: 1}}, {noise: {p: 2}}]\n")
    with pytest.raises(ConfigError) as caught:
        config_file.load(file)
    message = str(caught.value)
    assert "4 faults" in message and message.count("data.augment in photos.yaml, line 3") == 3
    assert all(words in message for words in ("hflop", "blur has no option 'q'", "noise.p", "seed"))


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("data.symmetric={turn: [[6, 9]]}", "unknown motion 'turn'"),
        ("data.symmetric.hflop=[[6, 9]]", "did you mean 'hflip'"),
        ("data.symmetric.hflip=[b, d]", "a list of pairs of class names such as [[6, 9]]"),
        ("data.symmetric.hflip=[[b, d, p]]", "a list of pairs"),
        ("data.symmetric=6", "a table such as"),
    ],
)
def test_faults_of_symmetric_classes(setting: str, told: str):
    assert told in fault(setting)


def test_symmetric_classes_may_be_numbers():
    told = config_file.load(None, ["data.symmetric.rotation180=[[6, 9]]"]).config.data.symmetric
    assert told == {"rotation180": [[6, 9]]}


@pytest.mark.parametrize("augment", ["[hflip]", "my_file:make"])
@pytest.mark.parametrize("flip", ["yes", "no"])
def test_mirroring_beside_a_list_is_refused(augment: str, flip: str):
    loaded = config_file.load(None, [f"data.augment={augment}", f"data.flip={flip}"])
    with pytest.raises(ConfigError, match=r"data.flip has no effect"):
        config_file.refuse_useless(loaded.config, loaded.origins)
    for preset in ("auto", "strong"):
        loaded = config_file.load(None, [f"data.augment={preset}", f"data.flip={flip}"])
        config_file.refuse_useless(loaded.config, loaded.origins)


def test_editors_know_every_step_with_its_options():
    entry = json_schema()["$defs"]["DataConfig"]["properties"]["augment"]
    steps = next(member for member in entry["anyOf"] if member.get("type") == "array")
    names, *tables = steps["items"]["anyOf"]
    assert names == {"enum": list(STEPS)} and [table["required"] for table in tables] == [[name] for name in STEPS]
    degrees = tables[list(STEPS).index("rotation")]["properties"]["rotation"]["properties"]["degrees"]
    assert degrees["exclusiveMinimum"] == 0 and degrees["maximum"] == 180 and "angle" in degrees["description"]
    assert {"type": "string", "pattern": "^.+:.+$"} in entry["anyOf"]
    assert json.dumps(steps)
