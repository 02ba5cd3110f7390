"""Does ``lr-find`` propose a good rate? ``python benchmarks/learning_rates.py DATA [-s KEY=VALUE …]``.

For each optimizer: the rates that the sweep marks, then trainings at rates around what ``auto`` takes, a constant
factor apart, each judged by the least validation loss. Printed are those losses and, for each way to read a sweep, the
loss that the grid gives at the rate it proposes (interpolated over the logarithm of the rate) and how many times the
best of the grid that is.

    python benchmarks/learning_rates.py digits -s train.epochs=6 --optimizers adamw sgd lion
"""

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

import numpy as np

import sightline
from sightline.workflow.lr_find import find_lr


def main() -> int:
    """Sweep, train on a grid, print."""
    options = argparse.ArgumentParser(description="Does lr-find propose a good rate?")
    options.add_argument("data")
    options.add_argument("-s", "--set", action="append", default=[], metavar="KEY=VALUE")
    options.add_argument("--optimizers", nargs="+", default=["adamw", "sgd", "lion"])
    options.add_argument("--steps", type=int, default=100)
    options.add_argument("--factor", type=float, default=4.0, help="between two rates of the grid")
    options.add_argument("--each-side", type=int, default=3, help="rates below and above what auto takes")
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    kept: dict[str, object] = {}
    for name in chosen.optimizers:
        words = [*chosen.set, f"train.optimizer.name={name}"]
        with tempfile.TemporaryDirectory() as folder:
            sweep = find_lr(chosen.data, settings=words, steps=chosen.steps, out=Path(folder) / "lr.png")
            middle = float(sweep.rates[0]) * 1000
            reach = range(-chosen.each_side, chosen.each_side + 1)
            grid = {middle * chosen.factor**place: 0.0 for place in reach}
            for place, rate in enumerate(grid):
                grid[rate] = least_loss(chosen.data, [*words, f"train.lr={rate}"], Path(folder) / str(place))
                print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        print(name, " ".join(f"{rate:.2g}: {loss:.4f}" for rate, loss in grid.items()), flush=True)
        for way, rate in readings(sweep).items():
            there = np.interp(math.log(rate), [math.log(one) for one in grid], list(grid.values()))
            print(f"  {way:<26}{rate:<10.2g}{there:.4f}  {there / min(grid.values()):.3f} of the best", flush=True)
        kept[name] = {"grid": grid, "rates": sweep.rates.tolist(), "losses": sweep.losses.tolist()}
    if chosen.json:
        chosen.json.write_text(json.dumps(kept) + "\n")
    return 0


def readings(sweep: "sightline.training.lr_range.Sweep") -> dict[str, float]:
    """Ways to read a sweep."""
    return {
        "proposed (half of least)": sweep.proposed,
        "steepest fall": sweep.steepest,
        "least loss": sweep.lowest,
        "third of least loss": sweep.lowest / 3,
        "tenth of least loss": sweep.lowest / 10,
        "middle of the two": math.sqrt(sweep.steepest * sweep.lowest),
        "auto": float(sweep.rates[0]) * 1000,
    }


def least_loss(data: str, words: list[str], folder: Path) -> float:
    """The least validation loss of a training; infinity where it diverged."""
    try:
        trained = sightline.train(data, settings=words, run=folder)
    except sightline.SightlineError:
        return 10.0
    return min(record["val_loss"] for record in trained.run.read_records() if record["kind"] == "eval")


if __name__ == "__main__":
    sys.exit(main())
