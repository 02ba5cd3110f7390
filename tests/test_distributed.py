"""One process alone, and two that meet as torchrun starts them."""

import os
import socket
import subprocess
import sys

import pytest
import torch

from sightline import distributed

CPU = torch.device("cpu")

TALK = """
import torch
from sightline import distributed as d

cpu = torch.device("cpu")
d.start(cpu)
d.start(cpu)
mine = torch.tensor([1.0, float(d.rank())])
total = d.summed(mine)
norm = torch.nn.BatchNorm1d(2)
norm.running_mean += d.rank() + 5
d.same_buffers(norm)
print(
    d.rank(), d.world(), d.is_main(), mine.tolist(), total.tolist(), d.any_rank(d.rank() == 1),
    d.any_rank(False), d.from_main({"from": d.rank()}), d.gathered(d.rank() * 10), norm.running_mean.tolist(),
)
d.finish()
d.finish()
"""


@pytest.fixture
def alone(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_alone_everything_is_free_of_charge(alone):
    assert (distributed.world(), distributed.rank(), distributed.local_rank(), distributed.local_world()) == (
        1,
        0,
        0,
        1,
    )
    assert distributed.is_main()
    values = torch.tensor([1.0, 2.0])
    assert distributed.summed(values) is values and distributed.gathered("x") == ["x"]
    assert distributed.any_rank(True) and not distributed.any_rank(False)
    assert distributed.from_main(values) is values
    distributed.start(CPU)
    assert not torch.distributed.is_initialized()
    distributed.finish()


def test_the_place_that_torchrun_gives(monkeypatch):
    for name, value in {"WORLD_SIZE": "6", "RANK": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    assert (distributed.world(), distributed.rank(), distributed.local_rank(), distributed.local_world()) == (
        6,
        4,
        1,
        3,
    )
    assert not distributed.is_main()


def test_two_processes_agree():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = os.environ | {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", TALK], env=meeting | {"RANK": str(rank)}, stdout=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    told = [rank.communicate(timeout=300)[0].strip() for rank in ranks]
    shared = "[2.0, 1.0] True False {'from': 0} [0, 10] [5.0, 5.0]"
    assert told == [f"0 2 True [1.0, 0.0] {shared}", f"1 2 False [1.0, 1.0] {shared}"]
