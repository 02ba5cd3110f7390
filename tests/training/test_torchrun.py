"""torchrun: ranks that are started again after one was killed, and ranks on two machines with a network between."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ranks import on_ranks
from sightline import train
from sightline.errors import ConfigError, RunError
from sightline.run import Run
from small_training import (
    apart,
    environment,
    leftovers,
    settings,
    steps_of,
    timeless,
    train_small,
    words,
    write_pictures,
)

CHANGES: dict[str, Any] = {"train.batch_size": 12, "train.steps": 9, "train.save": "2st", "data.augment": "light"}
KILLER = """
import os
import signal
from torch.nn.functional import cross_entropy

def loss(config):
    done = []

    def each(logits, targets):
        done.append(0) if logits.requires_grad else None
        first = os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0" and os.environ.get("RANK") == "1"
        if first and len(done) == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        return cross_entropy(logits, targets, reduction="none")

    return each
"""


def torchrun(*words_of_torchrun: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", *words_of_torchrun, "-m", "sightline", "--"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


@pytest.mark.slow
def test_a_killed_rank_is_started_again_and_no_sample_is_lost_or_repeated(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("killer.py").write_text(KILLER)
    changes = CHANGES | {"train.loss.name": "killer:loss"}
    alike = torchrun("--nproc-per-node", "2", "--max-restarts", "1", "--standalone", "--monitor-interval", "0.1")
    command = [*alike, "train", str(pictures), "--run", "killed", *words(**changes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    assert "exitcode: -9" in done.stderr
    assert "going on from step 4 (step-00000004.pt)" in done.stderr
    on_ranks("train", str(pictures), "--run", "whole", *words(**changes), world=2)
    killed, whole = Path("killed"), Path("whole")
    assert Run(killed).info()["weights_sha256"] == Run(whole).info()["weights_sha256"]
    assert steps_of(killed) == list(range(1, 10)) and timeless(killed) == timeless(whole)
    assert not leftovers(killed)


def test_a_restart_goes_on_with_the_run_of_its_own_start_only(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    """As torchrun's agent, the parent of its processes, gives them their environment."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    with pytest.raises(ConfigError, match="a run that torchrun may restart needs a folder of its own"):
        train(pictures, settings=settings(**CHANGES))
    trained = train_small(pictures, tmp_path / "run", **CHANGES)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert train_small(pictures, tmp_path / "run", **CHANGES).weights_sha256 == trained.weights_sha256
    Run(tmp_path / "run").note(launch="none this-machine 1")
    with pytest.raises(RunError, match="run already holds a run"):
        train_small(pictures, tmp_path / "run", **CHANGES)


@pytest.fixture
def hosts() -> Generator[list[str]]:
    """Two network namespaces with a cable between them: 10.77.0.1 and 10.77.0.2, on interfaces of one name."""
    names = [f"sightline-{os.getpid()}-{side}" for side in (1, 2)]

    def ip(*arguments: str) -> int:
        return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode

    if os.geteuid() != 0 or ip("netns", "add", names[0]):
        pytest.skip("only root can make network namespaces")
    ip("netns", "add", names[1])
    ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
    for side, name in enumerate(names, 1):
        ip("-n", name, "address", "add", f"10.77.0.{side}/24", "dev", "cable")
        assert not ip("-n", name, "link", "set", "cable", "up") and not ip("-n", name, "link", "set", "lo", "up")
    yield names
    for name in names:
        ip("netns", "delete", name)


@pytest.mark.slow
def test_two_machines_reach_the_weights_of_one(tmp_path: Path, pictures: Path, hosts: list[str]):
    train_small(pictures, tmp_path / "one", **CHANGES)
    meeting = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", "10.77.0.1:29400"]
    processes: list[subprocess.Popen[str]] = []
    for side, name in enumerate(hosts, 1):
        own = ["--rdzv-conf", f"is_host={side == 1},read_timeout=60", "--local-addr", f"10.77.0.{side}", *meeting]
        command = [
            "ip",
            "netns",
            "exec",
            name,
            *torchrun(*own),
            "train",
            str(pictures),
            "--run",
            "two",
            *words(**CHANGES),
        ]
        processes.append(
            subprocess.Popen(
                command, cwd=tmp_path, env=environment() | {"GLOO_SOCKET_IFNAME": "cable"}, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
    told = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert apart(tmp_path / "one", tmp_path / "two") <= 1e-5
    assert steps_of(tmp_path / "two") == list(range(1, 10))
    for alone, together in zip(timeless(tmp_path / "one"), timeless(tmp_path / "two"), strict=True):
        assert together["loss" if "loss" in alone else "val_loss"] == pytest.approx(
            alone["loss" if "loss" in alone else "val_loss"], abs=1e-5
        )
        assert together.get("val_accuracy") == alone.get("val_accuracy")
    assert sum(out.count("weights_sha256") for out, _ in told) == 1


@pytest.mark.slow
def test_sigterm_to_torchrun_leaves_a_checkpoint_of_all_ranks(tmp_path: Path, pictures: Path):
    alike = torchrun("--nproc-per-node", "2", "--standalone", "--monitor-interval", "0.1")
    changes = CHANGES | {"train.steps": 4000, "train.save": "100%"}
    command = [*alike, "train", str(pictures), "--run", "run", *words(**changes)]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "step" in line and "loss" in line:  # the first line of progress
            process.send_signal(signal.SIGTERM)
            break
    rest = process.stderr.read()
    process.wait()
    info = Run(tmp_path / "run").info()
    assert (info["state"], info["ended"]) == ("interrupted", "SIGTERM"), rest
    assert steps_of(tmp_path / "run") == list(range(1, info["steps_done"] + 1))
    assert f"interrupted by SIGTERM after {info['steps_done']} steps; the checkpoint is saved" in rest
