"""Workers do not hear signals that are meant for the training, and never outlive it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, time
from torch.utils.data import DataLoader, Dataset
from sightline.data.workers import deaf, items_of

class Slow(Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, place):
        time.sleep(0.01)
        return os.getpid()

def loader():
    return DataLoader(Slow(), batch_size=None, num_workers=2, worker_init_fn=deaf, multiprocessing_context="fork")
"""
ASK = """
pids = set()
for pid in items_of(loader()):
    pids.add(pid)
    if len(pids) == 2:
        print(*pids, flush=True)
        break
"""
DEAF_TRAINING = """
import signal
signal.signal(signal.SIGTERM, lambda *_: None)
given = items_of(loader())
print(*{next(given) for _ in range(50)}, flush=True)
time.sleep(0.5)
for _ in range(200):
    next(given)
given.close()
print("went on", flush=True)
"""


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids, seconds=10.0):
    end = time.monotonic() + seconds
    while any(running(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(running(pid) for pid in pids)


def started(code):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    return process, [int(word) for word in process.stdout.readline().split()]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks the system about processes by /proc")
class TestWorkers:
    def test_a_signal_to_the_group_reaches_the_training_only(self):
        process, workers = started(DEAF_TRAINING)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == "went on\n"
        assert process.wait(20) == 0 and gone(workers)

    def test_workers_are_gone_when_a_loop_is_left(self):
        process, workers = started(ASK + "time.sleep(30)\n")
        assert gone(workers) and process.poll() is None
        process.kill()

    def test_workers_are_gone_after_an_error(self):
        process, workers = started(ASK.replace("        break\n", "        raise ValueError\n"))
        assert process.wait(20) == 1 and gone(workers)

    def test_workers_end_with_a_training_that_is_killed(self):
        process, workers = started(ASK.replace("        break\n", "        time.sleep(60)\n"))
        process.kill()
        process.wait()
        assert gone(workers)
