"""Checkpoints in parts hold what whole ones do, can be made whole, and are believed only if nothing of them changed."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from ranks import on_ranks
from sightline import evaluate, resume
from sightline.cli import sightline as program
from sightline.errors import CheckpointError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.training.sharded_checkpoint import read_sharded, sharded_sha256
from small_training import apart, leftovers, timeless, train_small, weights_of, words, write_pictures

CHANGES: dict[str, Any] = {"train.batch_size": 12, "train.steps": 9, "train.ema": 0.9, "train.checkpoint": "sharded"}
FSDP = CHANGES | {"train.distributed.kind": "fsdp"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("sharded") / "pictures")


@pytest.fixture(scope="module")
def pair(pictures: Path) -> Path:
    """A run of two ranks with shards in parts."""
    run = pictures.parent / "pair"
    on_ranks("train", str(pictures), "--run", str(run), *words(**FSDP), world=2)
    return run


@pytest.fixture
def run(tmp_path: Path, pictures: Path) -> Path:
    train_small(pictures, tmp_path / "run", **CHANGES)
    return tmp_path / "run"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) and one.dtype == other.dtype if isinstance(one, torch.Tensor) else one == other


def test_one_process_writes_the_same_in_parts_as_whole(tmp_path: Path, pictures: Path, run: Path):
    train_small(pictures, tmp_path / "whole", **CHANGES | {"train.checkpoint": "whole"})
    assert Run(run).info()["weights_sha256"] == Run(tmp_path / "whole").info()["weights_sha256"]
    for which in ("last", "best"):
        contents = [
            (checkpoints := Checkpoints(folder / "checkpoints")).load(checkpoints.named(which))
            for folder in (run, tmp_path / "whole")
        ]
        for content in contents:
            content.pop("records")
        assert same(*contents)
    assert timeless(run, "step", "eval", "save") == timeless(tmp_path / "whole", "step", "eval", "save")
    assert not leftovers(run)


@pytest.mark.slow
def test_every_rank_writes_its_own_part_and_any_number_of_processes_reads_them(tmp_path: Path, pair: Path):
    checkpoints = Checkpoints(pair / "checkpoints")
    last = checkpoints.named("last")
    parts = {path.name: path.stat().st_size for path in (checkpoints.folder / last.file).glob("*.distcp")}
    assert sorted(parts) == ["__0_0.distcp", "__1_0.distcp"]
    assert max(parts.values()) < 1.5 * min(parts.values()), "each about half"
    earlier = checkpoints.entries()[0].file
    shutil.copytree(pair, tmp_path / "one")
    shutil.copytree(pair, tmp_path / "two")
    resume(tmp_path / "one", start_from=earlier)
    on_ranks("resume", str(tmp_path / "two"), "--from", earlier, world=2)
    assert apart(pair, tmp_path / "two") == 0 and 0 < apart(pair, tmp_path / "one") <= 1e-5


@pytest.mark.slow
def test_parts_are_made_whole_by_the_command_line(tmp_path: Path, pair: Path):
    copy = tmp_path / "run"
    shutil.copytree(pair, copy)
    before = Checkpoints(copy / "checkpoints")
    contents = {entry.step: before.load(entry) for entry in before.entries()}
    listed = CliRunner().invoke(program, ["checkpoint", str(copy)])
    assert listed.exit_code == 0
    assert "step-00000009  step 9  sharded  good  last" in listed.output
    done = CliRunner().invoke(program, ["checkpoint", str(copy), "--to", "whole"])
    assert done.exit_code == 0, done.output
    assert "step-00000009.pt  step 9  whole  good  last" in done.output
    after = Checkpoints(copy / "checkpoints")
    assert {entry.step for entry in after.entries()} == set(contents)
    for entry in after.entries():
        assert entry.file.endswith(".pt") and same(after.load(entry), contents[entry.step])
    assert after.named("best").step == before.named("best").step
    assert not [path for path in after.folder.iterdir() if path.is_dir()]
    figures = [evaluate(run, part="val") for run in (copy, pair)]
    files = [one["calibration"]["fitted"].pop("checkpoint") for one in figures]
    assert files == ["step-00000009.pt", "step-00000009"]
    assert figures[0] == figures[1]
    again = CliRunner().invoke(program, ["checkpoint", str(copy), "--to", "whole"])
    assert again.exit_code == 0 and "every checkpoint is whole already" in again.output
    other = CliRunner().invoke(program, ["checkpoint", str(copy), "--to", "halves"])
    assert "unknown form 'halves'" in str(other.exception)


def flip(folder: Path) -> None:
    path = next(folder.glob("__0_*"))
    raw = path.read_bytes()
    path.write_bytes(raw[:-40] + bytes([raw[-40] ^ 1]) + raw[-39:])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit": flip,
    "a part gone": lambda folder: next(folder.glob("__0_*")).unlink(),
    "the rest gone": lambda folder: (folder / "rest.pt").unlink(),
    "a file too many": lambda folder: (folder / "__9_0.distcp").write_bytes(b"x"),
    "all gone": shutil.rmtree,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_folder_is_recognised_and_left_out(how: str, run: Path, capfd: pytest.CaptureFixture[str]):
    from sightline import Say

    sha256, expected = Run(run).info()["weights_sha256"], weights_of(run)
    checkpoints = Checkpoints(run / "checkpoints")
    last = checkpoints.named("last")
    DAMAGE[how](checkpoints.folder / last.file)
    with pytest.raises(CheckpointError, match=f"the checkpoint {last.file} is (damaged|missing)"):
        checkpoints.load(last)
    if how == "a bit":
        listed = CliRunner().invoke(program, ["checkpoint", str(run)])
        assert listed.exit_code == 1 and f"{last.file}  step 9  sharded  DAMAGED  last" in listed.output
    assert resume(run, say=Say()).weights_sha256 == sha256
    assert f"WARNING: the checkpoint {last.file} is damaged or missing; going back to step-" in capfd.readouterr().err
    assert same(dict(weights_of(run)), dict(expected))


class Nasty:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("was-run"),))


@pytest.mark.parametrize("name", [".metadata", "rest.pt"])
def test_no_code_in_a_folder_is_run(name: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    checkpoints = Checkpoints(run / "checkpoints")
    folder = checkpoints.folder / checkpoints.named("last").file
    (folder / name).write_bytes(pickle.dumps(Nasty())) if name == ".metadata" else torch.save(Nasty(), folder / name)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_sharded(folder)
    assert not Path("was-run").exists()


def test_the_checksum_is_that_of_names_and_bytes(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    first = sharded_sha256(tmp_path)
    (tmp_path / "b").rename(tmp_path / "c")
    assert sharded_sha256(tmp_path) != first
