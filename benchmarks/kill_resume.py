"""Kills trainings and resumes them: ``python benchmarks/kill_resume.py [--kills 20] [--steps 200] [--seed 0]``.

Trains once without interruption. Then, as often as asked, starts the same training, kills its process with SIGKILL at a
random moment and resumes it. In turn the moment is anywhere from the first file of the run to its last step, and
while a checkpoint is being written. A process that ended before it was hit counts for nothing and is started again. A
line for each kill says what was going on; the last line counts the runs that ended with the weights, the records and
the best checkpoint of the uninterrupted one. The exit code is 0 when all did.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COUNT, SIDE = 120, 16
SETTINGS = {
    "model.name": "cnn",
    "model.options": "{width: 8, norm: batch, dropout: 0.1}",
    "data.augment": "light",
    "train.batch_size": 16,
    "train.ema": 0.9,
    "train.evaluate": "20st",
    "train.save": "5st",
    "train.precision": "fp32",
    "train.layout": "contiguous",
    "train.threads": 1,
    "train.tensorboard": "false",
}
"""Many checkpoints, and nothing is left to be measured."""


def main() -> int:
    """Kill, resume, compare, count."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--steps", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    moments = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "data")
        began = time.perf_counter()
        if start(folder, "whole", chosen.steps).wait():
            raise SystemExit("the uninterrupted training failed")
        lasted = time.perf_counter() - began
        expected = ending(folder / "whole")
        print(f"uninterrupted: {chosen.steps} steps in {lasted:.1f} s, weights_sha256 {expected['weights']}")
        equal = 0
        for number in range(1, chosen.kills + 1):
            run = folder / f"run{number}"
            told = killed(folder, run, chosen.steps, moments, while_saving=number % 2 == 0)
            resume(run)
            found = ending(run)
            same = found == expected
            equal += same
            wrong = "" if same else " DIFFERENT: " + ", ".join(key for key in found if found[key] != expected[key])
            print(f"kill {number}: {told}; {'equal' if same else wrong}", flush=True)
        print(f"{equal} of {chosen.kills} equal")
        return 0 if equal == chosen.kills else 1


def write_images(root: Path) -> None:
    """Three classes of noise, each a little brighter in a channel of its own."""
    pixels = np.random.default_rng(0)
    for number in range(COUNT):
        image = pixels.integers(0, 200, (SIDE, SIDE, 3), dtype=np.uint8)
        image[:, :, number % 3] += 30
        path = root / f"class{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def start(folder: Path, run: str, steps: int) -> "subprocess.Popen[bytes]":
    """A training in a process of its own."""
    words = [word for key, value in SETTINGS.items() for word in ("-s", f"{key}={value}")]
    command = ["train", "data", "--run", run, "-s", f"train.steps={steps}", *words]
    own = os.environ | {"SIGHTLINE_CACHE": str(folder / "cache")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "sightline", *command], cwd=folder, env=own, **quiet)


def killed(folder: Path, run: Path, steps: int, moments: random.Random, while_saving: bool) -> str:
    """Train and kill; gives what was going on at the kill."""
    while True:
        process = start(folder, run.name, steps)
        first = moments.randrange(steps)
        wait_for(process, (run / "config.yaml").exists)
        wait_for(process, lambda enough=first - 5: last_saved(run) >= enough)
        if while_saving:
            wait_for(process, lambda: bool(being_written(run)))
        else:
            time.sleep(moments.random() / 2)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            break
        shutil.rmtree(run)
    torn = any(path.name.startswith(".step") for path in being_written(run))
    return f"{'in the middle of writing a checkpoint' if torn else 'killed'} after step {last_saved(run)} was saved"


def resume(run: Path) -> None:
    """Go on to the end, in a process of its own."""
    command = [sys.executable, "-m", "sightline", "resume", run.name]
    done = subprocess.run(command, cwd=run.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"resume failed:\n{done.stderr}")


def wait_for(process: "subprocess.Popen[bytes]", condition: Any) -> None:
    """Look often: a checkpoint is written in milliseconds."""
    while process.poll() is None and not condition():
        time.sleep(0.0005)


def being_written(run: Path) -> list[Path]:
    """Files that are not whole yet."""
    return list((run / "checkpoints").glob(".*.part"))


def last_saved(run: Path) -> int:
    """The step of the last checkpoint that counts, 0 before the first."""
    index = run / "checkpoints" / "index.json"
    return json.loads(index.read_text())["checkpoints"][-1]["step"] if index.exists() else 0


def ending(run: Path) -> dict[str, Any]:
    """All that must be equal at the end of a run."""
    lines = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    index = json.loads((run / "checkpoints" / "index.json").read_text())
    clock = ("seconds", "wait")
    told = [{key: value for key, value in line.items() if key not in clock} for line in lines]
    steps = [line["step"] for line in lines if line["kind"] == "step"]
    return {
        "weights": json.loads((run / "run.json").read_text())["weights_sha256"],
        "steps without gap or repeat": steps == list(range(1, len(steps) + 1)),
        "records": told,
        "best": index["best"],
        "half-written files": [path.name for path in run.rglob("*.part")],
    }


if __name__ == "__main__":
    sys.exit(main())
