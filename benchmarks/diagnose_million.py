"""How long does it take to read and diagnose a million steps? ``python benchmarks/diagnose_million.py``.

Records are written as a training writes them: a step a line, an evaluation of ten classes each 1,000 steps, a look at
40 layers each 2,000. They are then read and every rule is asked, in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sightline.diagnosis.case import Case, Facts
from sightline.diagnosis.diagnose import diagnose
from sightline.diagnosis.gather import read_history

LAYERS, CLASSES = 40, 10
MOST_SECONDS, MOST_BYTES = 10.0, 1 << 30


def main() -> int:
    """Write the records, and let another process read them."""
    options = argparse.ArgumentParser(description="Read and diagnose a million steps.")
    options.add_argument("--steps", type=int, default=1_000_000)
    options.add_argument("--read", type=Path, help="only read this file and diagnose it")
    chosen = options.parse_args()
    if chosen.read:
        return measure(chosen.read, chosen.steps)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        write(path, chosen.steps)
        print(f"{chosen.steps:,} steps, {path.stat().st_size / 2**20:.0f} MiB")
        return subprocess.call([sys.executable, __file__, "--read", str(path), "--steps", str(chosen.steps)])


def write(path: Path, steps: int) -> None:
    """Records of a training that goes well."""
    random = np.random.default_rng(0)
    names = [f"stages.{place}.conv" for place in range(LAYERS)]
    figures = ["weight_norm", "gradient_norm", "update_ratio", "mean", "std", "zeros", "dead", "saturated"]
    noise = random.normal(0, 0.05, steps)
    with path.open("w", encoding="utf-8") as file:
        for step in range(1, steps + 1):
            loss, epoch = 0.3 + 2 * 0.5 ** (10 * step / steps) + noise[step - 1], step / 1000
            record = {"kind": "step", "step": step, "epoch": epoch, "loss": loss, "accuracy": 1 - loss / 3, "lr": 0.001}
            file.write(json.dumps(record | {"images": 128, "seconds": 0.031847, "wait": 0.000213}) + "\n")
            if step % 2000 == 0:
                table = [[10.0, 0.1, 0.01, 0.2, 1.0, 0.4, 0.1, None] for _ in names]
                told = {"layers": names, "kinds": ["Conv2d"] * LAYERS, "figures": figures, "table": table}
                file.write(json.dumps({"kind": "look", "step": step, "epoch": epoch} | told) + "\n")
            if step % 1000 == 0:
                told = {
                    "val_loss": loss + 0.05,
                    "val_accuracy": 0.9,
                    "val_loss_sd": 0.4,
                    "seen_loss": loss,
                    "seen_n": 1024,
                }
                told |= {"seen_accuracy": 0.92, "seen_loss_sd": 0.4, "val_true": [500] * CLASSES}
                told |= {"val_predicted": [500] * CLASSES, "val_hits": [450] * CLASSES}
                file.write(json.dumps({"kind": "eval", "step": step, "epoch": epoch} | told) + "\n")


def measure(path: Path, steps: int) -> int:
    """Read and diagnose; exit code 1 where it takes too much."""
    begun = time.perf_counter()
    history = read_history(path)
    read = time.perf_counter() - begun
    settings = {"train.lr": 0.001, "train.loss.name": "cross_entropy", "train.batch_size": 128}
    facts = Facts(
        classes=tuple(map(str, range(CLASSES))), counts=(12_800,) * CLASSES, images={"train": 128_000, "val": 5000},
        steps=steps, per_epoch=1000, warmup=5000, evaluate=1000, settings=settings, ended="finished",
    )  # fmt: skip
    findings = diagnose(Case(history=history, facts=facts))
    whole = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rows = f"{len(history.steps):,} steps, {len(history.evals):,} evaluations, {len(history.looks):,} looks"
    print(f"read {rows}: {read:.2f} s")
    print(f"every rule asked: {whole - read:.2f} s, {len(findings)} findings")
    print(
        f"together {whole:.2f} s (at most {MOST_SECONDS:g}), {peak / 2**20:.0f} MiB (at most {MOST_BYTES / 2**20:.0f})"
    )
    return int(whole > MOST_SECONDS or peak > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
