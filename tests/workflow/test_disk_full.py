"""A full disk: said in words, nothing half-written, and the run goes on where it was once there is room."""

import contextlib
import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from ranks import Alone
from sightline import resume
from sightline.training.checkpoint import Checkpoints
from small_training import leftovers, steps_of, timeless, train_small, words

WIDE = {"model.options": {"width": 16, "norm": "group"}, "train.save": "3st", "train.steps": 14}
"""Checkpoints of about a megabyte."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 24 megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("only root can mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Use up the disk but for so many bytes."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    with contextlib.suppress(OSError):
        ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_bsize - leave)))
    return ballast


FILLED = {
    "records": {},
    "with TensorBoard": {"train.tensorboard": True},
    "checkpoints in parts": {"train.checkpoint": "sharded"},
}


@pytest.mark.parametrize("case", FILLED)
def test_a_full_disk_ends_the_training_and_room_lets_it_go_on(
    case: str, small_disk: Path, tmp_path: Path, pictures: Path
):
    changes = WIDE | FILLED[case]
    whole = train_small(pictures, tmp_path / "whole", **WIDE)
    size = max(path.stat().st_size for path in (tmp_path / "whole" / "checkpoints").glob("*.pt"))
    run = small_disk / "run"
    ballast = fill(small_disk, leave=int(2.5 * size))  # room for two checkpoints; the third comes before one is removed
    done = Alone("train", str(pictures), "--run", str(run), *words(**changes))
    assert done.end() == 1, done.told()
    assert "error: disk full: step-" in done.told()
    assert "next: free some space and run the same command again" in done.told()
    assert "Traceback" not in done.told()
    assert not leftovers(small_disk)
    checkpoints = Checkpoints(run / "checkpoints")
    last = checkpoints.named("last")
    assert checkpoints.load(last)["state"]["step"] == last.step > 0
    ballast.unlink()
    resumed = resume(run)
    assert resumed.weights_sha256 == whole.weights_sha256
    assert timeless(run) == timeless(tmp_path / "whole")
    assert steps_of(run) == list(range(1, 15))


def test_a_disk_without_any_room_is_told_before_anything_is_made(small_disk: Path, pictures: Path):
    fill(small_disk, leave=0)
    done = Alone("train", str(pictures), "--run", str(small_disk / "run"), *words())
    assert done.end() == 1, done.told()
    assert "error: disk full: " in done.told()
    assert "Traceback" not in done.told()
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
