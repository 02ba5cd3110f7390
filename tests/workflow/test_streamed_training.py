"""Training on a stream: the same with any workers, after a stop, and by two processes; what it cannot do is refused."""

from pathlib import Path

import numpy as np
import pytest

from ranks import on_ranks
from sightline import evaluate, train
from sightline.data.read import read
from sightline.errors import ConfigError, ImageError, SplitError
from sightline.run import Run
from sightline.workflow.pack import pack_data
from sightline.workflow.split import split_data
from sightline.workflow.train import resume_run
from small_training import apart, settings, timeless, train_small, weights_of, words, write_pictures

STREAM = {"data.stream": True, "data.shuffle_buffer": 12, "data.augment": "light"}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    pictures = write_pictures(folder / "pictures")
    split_data(str(pictures), out=folder / "split.csv")
    root = f"data.root={pictures}"
    pack_data(str(folder / "split.csv"), to="webdataset", out=folder / "shards", settings=[root], shard_size="10KB")
    return folder / "shards"


@pytest.fixture(scope="module")
def whole(shards: Path) -> Path:
    run = shards.parent / "whole"
    train_small(shards, run, **STREAM)
    return run


def test_workers_change_nothing(shards: Path, whole: Path, tmp_path: Path):
    train_small(shards, tmp_path / "run", **STREAM, **{"data.workers": 2})
    assert apart(whole, tmp_path / "run") == 0
    assert timeless(whole) == timeless(tmp_path / "run")


def test_a_resumed_stream_equals_an_uninterrupted_one(shards: Path, whole: Path, tmp_path: Path):
    train_small(shards, tmp_path / "run", **STREAM)
    before = weights_of(tmp_path / "run")
    first = min((tmp_path / "run" / "checkpoints").glob("step-*.pt")).name
    resume_run(tmp_path / "run", start_from=first)
    after = weights_of(tmp_path / "run")
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert timeless(whole) == timeless(tmp_path / "run")


def test_the_order_is_that_of_the_shards_and_not_that_of_a_whole_shuffle(shards: Path, whole: Path, tmp_path: Path):
    plain = {key: value for key, value in STREAM.items() if "shuffle" not in key and "stream" not in key}
    train_small(shards, tmp_path / "run", **plain)
    assert apart(whole, tmp_path / "run") > 0


def test_a_streamed_run_is_evaluated_like_any_other(whole: Path):
    last = timeless(whole, "eval")[-1]
    assert evaluate(whole, part="val", checkpoint="last")["accuracy"]["value"] == last["val_accuracy"]
    assert evaluate(whole)["n"] == 9


@pytest.mark.slow
def test_two_ranks_reach_the_weights_of_one(shards: Path, whole: Path, tmp_path: Path):
    on_ranks("train", str(shards), "--run", str(tmp_path / "run"), *words(**STREAM), world=2)
    assert apart(whole, tmp_path / "run") <= 1e-5


def test_nothing_but_the_shards_is_read_before_the_training(shards: Path, tmp_path: Path, monkeypatch):
    """The facts come from the index: of the images only those that measure mean and std, and batches, are decoded."""
    monkeypatch.setattr("sightline.workflow.intake.look_at", lambda *_: pytest.fail("looked at every image"))
    train_small(shards, tmp_path / "run", **STREAM, train__steps=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.limit": 5}, r"data.limit cannot be had from a stream: samples chosen at random lie in every shard"),
        ({"data.val": 0.2}, r"data.val cannot be had from a stream: the parts of a stream are those of its shards"),
        ({"data.stream": None}, r"data.shuffle_buffer has no effect: without a stream"),
    ],
)
def test_settings_that_cannot_work_are_refused(shards: Path, tmp_path: Path, changes, message):
    with pytest.raises(ConfigError, match=message):
        train(shards, run=tmp_path / "run", settings=settings(**STREAM | changes))
    assert not (tmp_path / "run").exists()


def test_folders_and_missing_parts_are_refused(shards: Path, tmp_path: Path):
    with pytest.raises(
        ConfigError, match=r"only tar shards can be streamed .*\n  got: .*read as folders\n  next: sight"
    ):
        train_small(shards.parent / "pictures", tmp_path / "run", **STREAM)
    with pytest.raises(SplitError, match="validation part in shards of its own"):
        train_small(shards / "train-{000000..000001}.tar", tmp_path / "run", **STREAM)
    trained = train_small(
        shards / "train-{000000..000003}.tar",
        tmp_path / "run",
        **STREAM,
        data__val=0.0,
        train__steps=2,
        train__evaluate=None,
    )
    assert (
        trained.step == 2
        and len(read(shards / "train-00000[0-3]*.tar")) == len(Run(tmp_path / "run").split.read_text().splitlines()) - 1
    )


def test_a_shard_that_changed_after_the_start_is_named(shards: Path, tmp_path: Path):
    import shutil

    copy = shutil.copytree(shards, tmp_path / "shards")
    samples = read(copy)
    row = int(samples.part("train")[0])
    name, offset = samples.store.shards[samples.store.shard[row]], int(samples.store.offset[row])
    raw = bytearray((copy / name).read_bytes())
    raw[offset + 40] ^= 1
    (copy / name).write_bytes(raw)
    with pytest.raises(ImageError, match=rf"an image in {name} is not the one of its index"):
        train_small(copy, tmp_path / "run", **STREAM)
