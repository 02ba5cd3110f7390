"""Settings: what is accepted, what is refused in which words, and that nothing is lost on the way to disk and back."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sightline import config_file
from sightline.config import RunConfig
from sightline.config_schema import all_settings
from sightline.errors import ConfigError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "digits.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def value_of(setting: str, *more: str) -> object:
    loaded = config_file.load(None, [setting, *more])
    return config_file.flat(loaded.config)[setting.partition("=")[0]]


def message(*settings: str, file: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        config_file.load(file, settings)
    assert caught.value.exit_code == 2
    assert "pydantic" not in str(caught.value)
    assert "://" not in str(caught.value)
    return str(caught.value)


def test_nothing_given_gives_the_defaults_and_no_origins():
    loaded = config_file.load(None, [])
    assert loaded.config == RunConfig()
    assert loaded.origins == {}


def test_file_and_flags_are_merged_and_remember_where_each_value_came_from(tmp_path: Path):
    file = written(tmp_path, "seed: 3\ntrain:\n  # how fast\n  lr: 1e-3\n  epochs: 4\n")
    loaded = config_file.load(file, ["train.epochs=5"])
    assert (loaded.config.seed, loaded.config.train.lr, loaded.config.train.epochs) == (3, 0.001, 5)
    assert loaded.origins == {"seed": "file digits.yaml:1", "train.lr": "file digits.yaml:4", "train.epochs": "flag"}


def test_base_lies_beneath_the_file_nested_or_dotted(tmp_path: Path):
    file = written(tmp_path, "train: {epochs: 4}")
    loaded = config_file.load(file, [], {"train": {"epochs": 9, "lr": 0.5}, "data.limit": 10})
    assert (loaded.config.train.epochs, loaded.config.train.lr, loaded.config.data.limit) == (4, 0.5, 10)
    assert loaded.origins["train.lr"] == "preset"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("train.lr=1e-3", 0.001),
        ("train.lr=1", 1.0),
        ("train.lr='0.1'", 0.1),
        ("train.lr=auto", "auto"),
        ("data.mean=[0.5,0.5,0.5]", (0.5, 0.5, 0.5)),
        ("data.mean=[1e-1]", (0.1,)),
        ("data.mean=none", None),
        ("train.optimizer.betas=[0.9, 1e-1]", (0.9, 0.1)),
        ("train.clip=null", None),
        ("train.freeze=500st", "500st"),
        ("data.flip=no", "no"),
        ("data.path=001", "001"),
        ("data.path=a: [b # c", "a: [b # c"),
        ("data.path=", ""),
        ("data.path='quoted'", "quoted"),
        (f"data.path={json.dumps('Ünï 📷')}", "Ünï 📷"),
        (f"model.options={json.dumps({'a': '📷', 'b': [1e-5, None, True]})}", {"a": "📷", "b": [1e-5, None, True]}),
        ("model.weights=none", "none"),
        ("model.options={pad_type: same}", {"pad_type": "same"}),
        ("train.tensorboard=false", False),
    ],
)
def test_flag_values_are_read_as_they_are_meant(setting: str, value: object):
    assert value_of(setting) == value
    assert type(value_of(setting)) is type(value)


def test_one_option_of_the_model_is_added_to_those_of_the_file(tmp_path: Path):
    file = written(tmp_path, "model:\n  options: {drop_rate: 0.2, pad_type: ''}\n")
    config = config_file.load(file, ["model.options.pad_type=same", "model.options.act.slope=1e-2"]).config
    assert config.model.options == {"drop_rate": 0.2, "pad_type": "same", "act": {"slope": 0.01}}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.epochz=3", ["unknown setting 'train.epochz' (-s train.epochz=3)", "did you mean 'epochs'?"]),
        ("lr=0.1", ["unknown setting 'lr'", "did you mean 'train.lr'?"]),
        ("train.momentum=0.5", ["did you mean 'train.optimizer.momentum'?"]),
        ("model.epochz=3", ["did you mean 'train.epochs'?"]),
        ("trian.lr=1", ["did you mean 'train.lr'?"]),
        ("train.lr.peak=1", ["train.lr is one value"]),
        ("train.lr", ["a setting needs a name and a value", "-s train.lr=VALUE"]),
        ("=3", ["a setting needs a name and a value"]),
        ("train.clip=", ["cannot read the value of train.clip", "got: nothing", "a number above 0, none"]),
        ("train.lr=fast", ["train.lr cannot have this value", "got: 'fast' (text)", "allowed: a number above 0, auto"]),
        ("train.lr=0", ["got: 0 (a whole number)", "a number above 0"]),
        ("train.lr=true", ["got: true (a boolean)"]),
        ("train.lr=.inf", ["train.lr must be finite"]),
        ("train.epochs=2.0", ["got: 2.0 (a number with a point)", "a whole number from 1, auto"]),
        ("train.epochs=true", ["got: true (a boolean)"]),
        ("train.epochs='3'", ["got: '3' (text)"]),
        ("train.tensorboard=1", ["allowed: true or false"]),
        ("train.tensorboard=yes", ["got: 'yes' (text)"]),
        ("train.evaluate=3", ["a duration: 5ep, 500st or 10%"]),
        ("train.patience=3 epochs", ["a duration: 5ep, 500st or 10%, none"]),
        ("data.val=1.5", ["a number from 0 but below 1, a whole number from 1"]),
        ("data.test=-3", ["a number from 0 but below 1, a whole number from 1"]),
        ("data.val=half", ["a number from 0 but below 1, a whole number from 1"]),
        ("data.color=blue", ["one of auto, rgb, gray"]),
        ("data.mean=[a]", ["a list of numbers, none"]),
        ("data.mean=[.nan]", ["data.mean must be finite"]),
        ("train.optimizer.betas=[0.9]", ["a list of 2 numbers"]),
        ("train.loss=focal", ["train.loss is a group of settings", "set train.loss.name to focal"]),
        ("model.options=[1]", ["{name: value, …}"]),
        ("model.options={a: 1", ["cannot read the value of model.options"]),
        ("data.path=\udcff", ["data.path is not UTF-8 text"]),
    ],
)
def test_a_wrong_setting_is_refused_in_words(setting: str, words: list[str]):
    text = message(setting)
    for expected in words:
        assert expected in text


def test_every_fault_of_file_and_flags_is_told_at_once(tmp_path: Path):
    file = written(tmp_path, "seed: -1\ntrain:\n  epochz: 3\n  lr: 0.1\n  lr: 0.2\ndata: {flip: perhaps}\n")
    text = message("model.nam=x", "train.ema=2", file=file)
    assert text.startswith("6 faults in the settings\n")
    for expected in [
        "seed cannot have this value (seed in digits.yaml, line 1)",
        "unknown setting 'train.epochz' (train.epochz in digits.yaml, line 3)",
        "train.lr is given twice (digits.yaml, line 5)",
        "data.flip cannot have this value (data.flip in digits.yaml, line 6)",
        "unknown setting 'model.nam' (-s model.nam=x)",
        "train.ema cannot have this value (-s train.ema=2)",
    ]:
        assert expected in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: {lr: 1\nseed: [", ["digits.yaml is not YAML", "line 2"]),
        ("train:\n\tlr: 1\n", ["digits.yaml is not YAML", "line 2"]),
        ("- 1\n", ["digits.yaml holds no settings"]),
        ("just words", ["digits.yaml holds no settings"]),
        ("seed: 1\n---\nseed: 2\n", ["digits.yaml is not YAML"]),
        ("seed: !!python/name:os.system ''", ["has no meaning here (digits.yaml, line 1)"]),
        ("model: &a\n  options: {x: *a}\n", ["an alias that holds itself"]),
        ("model: {options: {1: 2}}", ["the key 1 is not text (digits.yaml, line 1)"]),
        ("data: {path: 2024}", ["data.path cannot have this value", "next: put it in quotes"]),
        ("train.lr: 1\ntrain: {lr: 2}", ["train.lr is given twice (train.lr in digits.yaml, line 2)"]),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_line(tmp_path: Path, text: str, words: list[str]):
    told = message(file=written(tmp_path, text))
    for expected in words:
        assert expected in told


def test_a_missing_file_and_a_binary_file_are_refused(tmp_path: Path):
    assert "cannot read the configuration none.yaml" in message(file=tmp_path / "none.yaml")
    (tmp_path / "image.yaml").write_bytes(b"\xff\xd8\xff")
    assert "image.yaml is not UTF-8 text" in message(file=tmp_path / "image.yaml")


def test_an_empty_file_and_an_empty_group_give_the_defaults(tmp_path: Path):
    assert config_file.load(written(tmp_path, "")).config == RunConfig()
    assert config_file.load(written(tmp_path, "train:\n  # lr: 0.1\n")).config == RunConfig()


def test_the_same_flag_twice_is_refused():
    assert "train.lr is given twice (-s train.lr=2)" in message("train.lr=1", "train.lr=2")
    assert "train.lr is given twice" in message("train={lr: 1}", "train.lr=2")
    assert "model.options is given twice" in message("model.options.a=1", "model.options={b: 2}")


DURATIONS = st.builds("{}{}".format, st.integers(0, 999), st.sampled_from(["ep", "st", "%"]))
UNIT = st.floats(0, 1, exclude_min=True, exclude_max=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
OPTIONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**63 - 1),
        "data.path": TEXT,
        "data.mean": st.none() | st.lists(st.floats(allow_nan=False, allow_infinity=False)).map(tuple),
        "data.flip": st.sampled_from(["yes", "no", "auto"]),
        "model.name": TEXT
        | st.sampled_from(["yes", "1e-3", "null", "~", "12:30", "0o7", "0x1f", "1_000", "2020-01-01"]),
        "model.options": st.dictionaries(TEXT, OPTIONS, max_size=3),
        "train.lr": st.floats(0, exclude_min=True, allow_infinity=False) | st.just("auto"),
        "train.optimizer.betas": st.tuples(UNIT, UNIT),
        "train.optimizer.nesterov": st.booleans(),
        "train.patience": st.none() | DURATIONS,
        "train.schedule.warmup": st.just("auto") | DURATIONS,
        "train.ema": st.none() | UNIT,
    },
)


@examples(max_examples=60, deadline=None)
@given(changes=CHANGES, origin=TEXT)
def test_what_dump_writes_load_reads_back(tmp_path_factory: pytest.TempPathFactory, changes: dict, origin: str):
    path = tmp_path_factory.mktemp("dump") / "config.yaml"
    config = config_file.resolve(RunConfig(), changes)
    config_file.dump(config, dict.fromkeys(changes, origin), path)
    assert config_file.load_resolved(path) == config


@examples(max_examples=60, deadline=None)
@given(changes=CHANGES)
def test_other_readers_of_yaml_see_the_same_values(tmp_path_factory: pytest.TempPathFactory, changes: dict):
    path = tmp_path_factory.mktemp("dump") / "config.yaml"
    config = config_file.resolve(RunConfig(), changes)
    config_file.dump(config, {}, path)
    seen = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert seen["model"]["name"] == config.model.name
    assert seen["data"]["path"] == config.data.path
    assert seen["data"]["flip"] == config.data.flip
    assert seen["train"]["lr"] == config.train.lr
    assert seen["model"]["options"] == config.model.options


def test_dump_says_where_values_came_from_and_leaves_defaults_bare(tmp_path: Path):
    loaded = config_file.load(written(tmp_path, "seed: 7\n"), ["train.epochs=3"])
    path = tmp_path / "run" / "config.yaml"
    config_file.dump(loaded.config, loaded.origins | {"train.lr": "auto: 0.002 because\nof size"}, path)
    lines = path.read_text().splitlines()
    assert "seed: 7  # from file digits.yaml:1" in lines
    assert "  epochs: 3  # from flag" in lines
    assert "  lr: auto  # from auto: 0.002 because of size" in lines
    assert "  batch_size: auto" in lines
    assert [entry.name for entry in path.parent.iterdir()] == ["config.yaml"]


def test_every_setting_is_in_the_dump(tmp_path: Path):
    config_file.dump(RunConfig(), {}, tmp_path / "config.yaml")
    assert set(config_file.load(tmp_path / "config.yaml").origins) == set(all_settings())


def test_resolve_replaces_and_checks():
    config = config_file.resolve(RunConfig(), {"train.lr": 0.1, "data.mean": (0.5,), "train.epochs": 3})
    assert (config.train.lr, config.data.mean, config.train.epochs) == (0.1, (0.5,), 3)
    with pytest.raises(ConfigError, match=r"train.lr cannot have this value"):
        config_file.resolve(config, {"train.lr": -1})
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        config_file.resolve(config, {"train.epochz": 1})
    with pytest.raises(ConfigError, match=r"train.lr must be finite"):
        config_file.resolve(config, {"train.lr": math.nan})


def test_reading_settings_loads_no_torch():
    code = "import sys; from sightline import config_file as c; c.load(None, ['seed=1']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("held", "flag", "steps", "epochs"),
    [("epochs: 6", "train.steps=20", 20, "auto"), ("steps: 20", "train.epochs=6", None, 6)],
)
def test_a_flag_sets_aside_what_a_file_says_in_other_words(tmp_path, held, flag, steps, epochs):
    loaded = config_file.load(written(tmp_path, f"train: {{{held}}}"), [flag])
    assert (loaded.config.train.steps, loaded.config.train.epochs) == (steps, epochs)
    config_file.refuse_useless(loaded.config, loaded.origins)


def test_a_flag_that_takes_a_length_away_leaves_the_files(tmp_path):
    loaded = config_file.load(written(tmp_path, "train: {epochs: 6}"), ["train.steps=none"])
    assert loaded.config.train.epochs == 6
