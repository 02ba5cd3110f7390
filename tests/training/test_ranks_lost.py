"""Ranks that meet in several ways, wait for one another, and end with a word when one of them is gone."""

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from ranks import Ranks, on_ranks
from sightline import distributed, resume
from sightline.errors import ConfigError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from small_training import LOSS, apart, leftovers, steps_of, train_small, words, write_pictures

SOON = 40
"""Seconds in which ranks end that lost one; on an idle machine it takes two."""
DISTURBED: dict[str, Any] = {"train.loss.name": "disturbed:loss", "train.batch_size": 12, "train.steps": 9}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("lost") / "pictures")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disturbed.py").write_text(LOSS)
    monkeypatch.chdir(tmp_path)


def start(pictures: Path, deed: str = "", seconds: int = 600, **changes: Any) -> Ranks:
    """Two ranks, of which the second does something in a step, or in its 600 seconds does nothing."""
    own = {None: {"SIGHTLINE_TIMEOUT": str(seconds)}, 1: {"SIGHTLINE_TEST_AT": deed}}
    return Ranks("train", str(pictures), "--run", "run", *words(**DISTURBED | changes), world=2, own=own)


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_others_and_the_run_goes_on_from_its_checkpoint(pictures: Path):
    ranks = start(pictures, "5 SIGKILL")
    began = time.monotonic()
    codes = ranks.wait()
    assert codes == [1, -9]
    assert time.monotonic() - began < SOON
    assert "error: another rank ended or does not answer (rank 0 of 2)" in ranks.told()
    assert "next: see what the other ranks say; `sightline resume RUN` goes on from the last checkpoint" in ranks.told()
    assert "Traceback" not in ranks.told()
    train_small(pictures, Path("alone"), **DISTURBED)
    resume(Path("run"))
    assert steps_of(Path("run")) == list(range(1, 10)) and apart(Path("run"), Path("alone")) <= 1e-5
    assert not leftovers(Path("run"))


@pytest.mark.slow
def test_a_rank_that_hangs_is_not_waited_for_longer_than_the_timeout(pictures: Path):
    ranks = start(pictures, "5 SIGSTOP", seconds=3)
    ranks.processes[0].join(SOON)
    assert ranks.processes[0].exitcode == 1
    assert "error: another rank ended or does not answer (rank 0 of 2)" in ranks.told()
    ranks.wait(0)


READER = """
import os, signal, time
from sightline import read

def slow(path):
    if os.environ["RANK"] == "0" and not os.path.exists("run/split.csv"):
        time.sleep({seconds})
        {deed}
    return read(path)
"""


@pytest.mark.slow
def test_preparation_may_take_longer_than_the_timeout(tmp_path: Path, pictures: Path):
    (tmp_path / "reader.py").write_text(READER.format(seconds=8, deed=""))
    ranks = start(pictures, seconds=5, **{"data.reader": "reader:slow"})
    assert ranks.wait() == [0, 0], ranks.told()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "code", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, "rank 0 is lost"),
        ("raise OSError('out of luck')", 2, "rank 0 failed while preparing the data"),
    ],
    ids=["killed", "failed"],
)
def test_a_rank_0_that_does_not_come_out_of_preparation(
    deed: str, code: int, told: str, tmp_path: Path, pictures: Path
):
    (tmp_path / "reader.py").write_text(READER.format(seconds=0, deed=deed))
    ranks = start(pictures, seconds=6, **{"data.reader": "reader:slow"})
    codes = ranks.wait()
    assert codes == [code, 1], ranks.told(1)
    assert f"error: {told} (rank 1 of 2)" in ranks.told(1)
    assert "Traceback" not in ranks.told(1)


FAULTY = """
import os
from sightline import SightlineError
from torch.nn.functional import cross_entropy

def loss(config):
    done = []

    def each(logits, targets):
        done.append(0)
        if os.environ["RANK"] == "1" and len(done) == 5:
            raise SightlineError("rank 1 has had enough")
        return cross_entropy(logits, targets, reduction="none")

    return each
"""


@pytest.mark.slow
def test_a_fault_of_one_rank_alone_is_told_by_it_and_noticed_by_the_others(tmp_path: Path, pictures: Path):
    (tmp_path / "faulty.py").write_text(FAULTY)
    ranks = start(pictures, **{"train.loss.name": "faulty:loss"})
    assert ranks.wait() == [1, 1]
    assert ranks.told(1).endswith("error: rank 1 has had enough\n")
    assert "error: another rank ended or does not answer (rank 0 of 2)" in ranks.told(0)


@pytest.mark.slow
def test_ranks_meet_over_tcp_without_torchrun(pictures: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    on_ranks("train", str(pictures), "--run", "run", *words(**DISTURBED), world=2, rendezvous=place)
    assert Run(Path("run")).info()["state"] == "done"
    assert Checkpoints(Path("run/checkpoints")).named("last").step == 9


@pytest.mark.slow
def test_a_rank_that_nobody_meets_says_so(tmp_path: Path, pictures: Path):
    own: dict[int | None, dict[str, str]] = {None: {"WORLD_SIZE": "2", "SIGHTLINE_TIMEOUT": "2"}}
    for place in ("", "tcp://127.0.0.1:29411"):
        ranks = Ranks("train", str(pictures), "--run", "run", *words(), world=1, rendezvous=place, own=own)
        assert ranks.wait() == [1]
        told = ranks.told()  # which of the two waits ends first is a matter of moments
        lost = ("another rank ended or does not answer", "the other ranks did not come")
        assert any(f"error: {words} (rank 0 of 2)" in told for words in lost)
        assert "Traceback" not in told and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"SIGHTLINE_RENDEZVOUS": "udp://x:1"}, "SIGHTLINE_RENDEZVOUS is no place to meet"),
        ({"SIGHTLINE_RENDEZVOUS": "tcp://host"}, r"allowed: env://, tcp://HOST:PORT, file:///PATH"),
        ({"SIGHTLINE_RENDEZVOUS": "tcp://host:1"}, "the ranks cannot meet without RANK, WORLD_SIZE"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "the ranks cannot meet without MASTER_ADDR, MASTER_PORT"),
        ({"SIGHTLINE_RENDEZVOUS": "file:///x", "WORLD_SIZE": "2", "RANK": "2"}, "RANK is not among WORLD_SIZE ranks"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is no number"),
        ({"SIGHTLINE_TIMEOUT": "0"}, None),
        ({"SIGHTLINE_TIMEOUT": "soon", "SIGHTLINE_RENDEZVOUS": "file:///x", "WORLD_SIZE": "2", "RANK": "1"},
         "SIGHTLINE_TIMEOUT is no length of time"),
    ],
)  # fmt: skip
def test_an_environment_that_makes_no_sense_is_refused(
    environment: dict[str, str], told: str | None, monkeypatch: pytest.MonkeyPatch
):
    import torch

    for name in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if told is None:  # of no matter to one process alone
        distributed.start(torch.device("cpu"))
        return
    with pytest.raises(ConfigError, match=told):
        distributed.start(torch.device("cpu"))


@pytest.mark.slow
def test_what_an_earlier_start_left_at_the_meeting_place_misleads_nobody(tmp_path: Path, pictures: Path):
    place = f"file://{tmp_path / 'meeting'}"
    own: dict[int | None, dict[str, str]] = {1: {"SIGHTLINE_TEST_AT": "1 SIGKILL"}}
    arguments = ["train", str(pictures), "--run", "run", *words(**DISTURBED)]
    assert Ranks(*arguments, world=2, rendezvous=place, own=own).wait() == [1, -9]
    assert (tmp_path / "meeting").exists()
    on_ranks("resume", "run", world=2, rendezvous=place)
    assert steps_of(Path("run")) == list(range(1, 10))
