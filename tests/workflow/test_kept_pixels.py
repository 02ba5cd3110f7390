"""Training from kept pixels: the same weights whatever the cache holds, whoever reads it, and without it."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranks import Alone
from sightline import evaluate, resume, train
from sightline.config_file import load_resolved
from sightline.data.samples import PARTS
from sightline.data.split import read_split
from sightline.errors import ConfigError
from sightline.run import Run
from sightline.workflow.pack import pack_data
from small_training import settings, timeless, train_small, words, write_pictures

PRESETS = ("none", "light", "standard", "strong", "medical", "document", "randaugment", "trivialaugment", "augmix")
DEVICE = {"data.augment": "standard", "data.crops": "device"}


def settled(run: Path, key: str) -> Any:
    data = load_resolved(Run(run).config).data
    return getattr(data, key)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.u8"))


@pytest.mark.parametrize("augment", PRESETS)
def test_cold_warm_missing_and_any_number_of_workers_give_the_same_weights(
    augment: str, tmp_path: Path, pictures: Path
):
    (tmp_path / "file").write_text("in the way")
    folders = {"cold": "c", "warm": "c", "one thread": "c", "three threads": "c", "impossible": "file/c"}
    workers = {"one thread": 1, "three threads": 3, "impossible": 2}
    weights = {}
    for name, folder in folders.items():
        changes = {"data.cache": str(tmp_path / folder), "data.augment": augment, "data.flip": "yes"}
        changes["data.workers"] = workers.get(name, 0)
        weights[name] = train_small(pictures, tmp_path / name, **changes).weights_sha256
        assert timeless(tmp_path / name) == timeless(tmp_path / "cold")
    assert len(set(weights.values())) == 1, weights
    assert kept(tmp_path / "c")


@pytest.mark.parametrize("augment", ["none", "light", "medical", "document"])
def test_without_random_crops_the_cache_changes_no_weight(augment: str, tmp_path: Path, pictures: Path):
    same = {"data.augment": augment, "data.flip": "yes"}
    off = train_small(pictures, tmp_path / "off", **same, **{"data.cache": "off"})
    on = train_small(pictures, tmp_path / "on", **same, **{"data.cache": str(tmp_path / "c")})
    assert off.weights_sha256 == on.weights_sha256
    assert timeless(tmp_path / "off") == timeless(tmp_path / "on")


def test_crops_of_images_that_are_kept_in_full_are_those_from_the_files(tmp_path: Path, pictures: Path):
    """Small images are never enlarged, so that nothing of them is lost."""
    off = train_small(pictures, tmp_path / "off", **{"data.augment": "standard", "data.cache": "off"})
    on = train_small(pictures, tmp_path / "on", **{"data.augment": "standard", "data.cache": str(tmp_path / "c")})
    assert off.weights_sha256 == on.weights_sha256


def test_crops_on_the_device_train_alike_whoever_copies_them(tmp_path: Path, pictures: Path):
    weights = {}
    for workers in (0, 2):
        changes = {**DEVICE, "data.cache": str(tmp_path / "c"), "data.workers": workers}
        weights[workers] = train_small(pictures, tmp_path / f"run{workers}", **changes).weights_sha256
    assert weights[0] == weights[2]
    elsewhere = {**DEVICE, "data.cache": str(tmp_path / "c"), "data.crops": "workers"}
    other = train_small(pictures, tmp_path / "workers", **elsewhere).weights_sha256
    assert other != weights[0]  # another filter
    train_small(pictures, tmp_path / "auto", **{**DEVICE, "data.crops": "auto", "data.cache": str(tmp_path / "c")})
    assert settled(tmp_path / "auto", "crops") == "workers"
    assert "without a GPU" in Run(tmp_path / "auto").info()["origins"]["data.crops"]


def test_random_crops_come_from_the_working_size(tmp_path: Path):
    large = write_pictures(tmp_path / "large", side=30)
    standard = {"data.augment": "standard", "data.cache": str(tmp_path / "c"), "train.steps": 3}
    weights = {
        side: train_small(large, tmp_path / f"run{side}", **standard, **{"data.cache_side": side}).weights_sha256
        for side in (13, 14, "auto")
    }
    assert len(set(weights.values())) == 3
    assert settled(tmp_path / "runauto", "cache_side") == 18


@pytest.mark.parametrize(
    ("augment", "then"),
    [*itertools.product(PRESETS, ["cold, with other workers"]), *itertools.product(PRESETS[:3], ["warm"])],
)
def test_a_resumed_run_is_the_uninterrupted_one(
    augment: str, then: str, tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    cache = tmp_path / "c"
    run = tmp_path / "whole"
    disturbed(f"0 copy {run} {tmp_path / 'at'}")
    changes = {
        "data.augment": augment,
        "data.flip": "yes",
        "data.cache": str(cache),
        "train.loss.name": "disturbed:loss",
    }
    whole = train_small(pictures, run, **changes)
    disturbed("")
    cut = tmp_path / "at" / "8"
    if then != "warm":
        shutil.rmtree(cache)
        text = (cut / "config.yaml").read_text()
        assert "workers: 0" in text
        (cut / "config.yaml").write_text(text.replace("workers: 0", "workers: 2"))
    assert resume(cut).weights_sha256 == whole.weights_sha256
    assert timeless(cut) == timeless(run)
    assert kept(cache)


def test_evaluation_from_kept_frames_predicts_the_same(tmp_path: Path, pictures: Path):
    run, cache = tmp_path / "run", tmp_path / "c"
    train_small(pictures, run, **{"data.cache": str(cache)})
    figures = evaluate(run, part="val")
    with np.load(Run(run).predictions("val")) as stored:
        first = stored["logits"]
    shutil.rmtree(cache)
    assert evaluate(run, part="val") == figures
    with np.load(Run(run).predictions("val")) as stored:
        assert np.array_equal(stored["logits"], first)
    assert not cache.exists()  # evaluation builds nothing


def test_only_what_is_trained_and_validated_on_is_kept(tmp_path: Path, pictures: Path):
    run, cache = tmp_path / "run", tmp_path / "c"
    train_small(pictures, run, **{"data.cache": str(cache), "data.augment": "light"})
    frozen = read_split(Run(run).split)
    used = {one for one, part in zip(frozen.sha256, frozen.parts, strict=True) if part in PARTS[:2]}
    rows = np.concatenate([np.load(index) for index in cache.rglob("*.npy")])
    assert {row.tobytes().hex() for row in rows["sha256"]} == used


@pytest.mark.parametrize("augment", PRESETS)
def test_a_cache_can_be_packed_before_the_training(augment: str, tmp_path: Path, pictures: Path):
    changes = {"data.augment": augment, "data.cache": str(tmp_path / "built")}
    built = train_small(pictures, tmp_path / "one", **changes)
    told = pack_data(pictures, to="cache", out=tmp_path / "packed", settings=settings(**{"data.augment": augment}))
    names = [{path.parent.name for path in kept(tmp_path / name)} for name in ("built", "packed")]
    assert names[0] == names[1]
    before = {path: path.stat().st_mtime_ns for path in kept(tmp_path / "packed")}
    assert told["files"] == len(before) and told["bytes"] == sum(path.stat().st_size for path in before)
    other = train_small(pictures, tmp_path / "other", **changes | {"data.cache": str(tmp_path / "packed")})
    assert other.weights_sha256 == built.weights_sha256
    assert {path: path.stat().st_mtime_ns for path in kept(tmp_path / "packed")} == before


def test_auto_keeps_pixels_where_they_are_used_again(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "long", **{"train.steps": 30})
    train_small(pictures, tmp_path / "short", **{"train.steps": 2})
    assert (settled(tmp_path / "long", "cache"), settled(tmp_path / "short", "cache")) == ("on", "off")
    origins = Run(tmp_path / "short").info()["origins"]
    assert origins["data.cache"] == "auto: no image is used twice"


@pytest.mark.parametrize("lacking", ["room", "free_memory"])
def test_auto_keeps_nothing_that_does_not_fit(
    lacking: str, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(f"sightline.workflow.auto_feed.{lacking}", lambda *_: 30_000)
    train_small(pictures, tmp_path / "run")
    assert settled(tmp_path / "run", "cache") == "off"
    assert "are too many for" in Run(tmp_path / "run").info()["origins"]["data.cache"]


def test_workers_are_measured_and_the_reason_is_told(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **{"data.workers": "auto"})
    assert settled(tmp_path / "run", "workers") >= 0
    assert "ms to train on 7 images" in Run(tmp_path / "run").info()["origins"]["data.workers"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data.cache": "off", "data.cache_side": 20}, "crops are taken from the files"),
        ({"data.augment": "light", "data.cache_side": 20}, "only random crops are taken from larger images"),
        ({"data.prefetch": 2}, "without workers"),
        ({**DEVICE, "data.cache": "off"}, "whoever decodes an image crops it"),
        ({**DEVICE, "data.augment": "strong"}, "only standard crops on the device"),
    ],
)
def test_settings_without_effect_are_refused(changes: dict[str, Any], told: str, tmp_path: Path, pictures: Path):
    with pytest.raises(ConfigError, match=told):
        train_small(pictures, tmp_path / "run", **changes)


def test_what_has_no_effect_after_all_is_set_back_and_told(tmp_path: Path, pictures: Path):
    changes = {**DEVICE, "data.cache_side": 20, "train.steps": 2}
    train_small(pictures, tmp_path / "run", **changes)
    assert (settled(tmp_path / "run", "cache"), settled(tmp_path / "run", "crops")) == ("off", "auto")
    origins = Run(tmp_path / "run").info()["origins"]
    assert "it has no effect" in origins["data.crops"] and "it has no effect" in origins["data.cache_side"]
    train(pictures, run=tmp_path / "again", config=Run(tmp_path / "run").config)  # which can be given back as a file


@pytest.fixture(params=["full", "read-only"])
def no_room(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Path]:
    """A file system without room, or one that cannot be written to."""
    place = tmp_path / "disk"
    place.mkdir()
    options = "size=64k" if request.param == "full" else "size=1m,ro"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_without_room_images_are_decoded_and_that_is_said(no_room: Path, tmp_path: Path):
    large = write_pictures(tmp_path / "large", side=60)
    changes = {"data.augment": "standard", "data.cache_side": 50}
    whole = train_small(large, tmp_path / "whole", **changes, **{"data.cache": str(tmp_path / "c")})
    own = words(**changes, **{"data.cache": str(no_room / "c")})
    done = Alone("train", str(large), "--run", str(tmp_path / "run"), *own)
    assert done.end() == 0, done.told()
    assert "images that are not kept are decoded each time: " in done.told()
    assert Run(tmp_path / "run").info()["weights_sha256"] == whole.weights_sha256
    assert not list(no_room.rglob("*.part"))
