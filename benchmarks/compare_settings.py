"""Accuracy of several settings over seeds: ``python benchmarks/compare_settings.py DATA -v NAME: KEY=VALUE …``.

Each variant is trained once with each seed and evaluated; the seed decides the split too where the data has none. Runs
take turns, ``--jobs`` at a time, so that a slow moment of the machine hits all variants. Printed are mean and standard
deviation of the accuracy, that of each seed, and minutes of a run.

    python benchmarks/compare_settings.py trashnet.csv -c recipes/trashnet.yaml -s data.root=trashnet.zip \\
        -v "cache: data.cache=on" -v "no cache: data.cache=off"
"""

import argparse
import concurrent.futures
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Train, evaluate, print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("data")
    options.add_argument("-c", "--config")
    options.add_argument("-s", "--set", action="append", default=[], metavar="KEY=VALUE", help="for all variants")
    options.add_argument("-v", "--variant", action="append", default=[], metavar="NAME: KEY=VALUE …")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--part", default="test", choices=["val", "test"])
    options.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    variants = dict(read(text) for text in chosen.variant or [":"])
    turns = list(itertools.product(range(chosen.seeds), variants))
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        made = [
            pool.submit(measured, chosen, variants[name], seed, Path(folder) / f"{name}-{seed}") for seed, name in turns
        ]
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
        for (_, name), future in zip(turns, made, strict=True):
            results[name].append(future.result())
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for name, rows in results.items():
        accuracies = [accuracy for accuracy, _ in rows]
        spread = statistics.stdev(accuracies) if len(rows) > 1 else 0.0
        told = ", ".join(f"{accuracy:.4f}" for accuracy in accuracies)
        minutes = statistics.median(minutes for _, minutes in rows)
        print(f"{name:<24}{statistics.mean(accuracies):.4f} ± {spread:.4f}  ({told})  {minutes:.1f} min")
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def read(text: str) -> tuple[str, list[str]]:
    """The name of a variant, and its settings."""
    name, _, settings = text.partition(":")
    return name.strip(), settings.split()


def measured(chosen: argparse.Namespace, settings: list[str], seed: int, run: Path) -> tuple[float, float]:
    """Accuracy, and minutes of training."""
    words = ["-c", chosen.config] if chosen.config else []
    for setting in [*chosen.set, *settings, f"seed={seed}"]:
        words += ["-s", setting]
    began = time.perf_counter()
    sightline("train", chosen.data, "--run", str(run), *words)
    minutes = (time.perf_counter() - began) / 60
    figures = json.loads(sightline("evaluate", str(run), "--part", chosen.part, "--json"))
    return figures["accuracy"]["value"], minutes


def sightline(*words: str) -> str:
    """What a command prints; stop where it fails."""
    done = subprocess.run([sys.executable, "-m", "sightline", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sightline {' '.join(words)}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
