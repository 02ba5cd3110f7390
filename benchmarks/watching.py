"""What all watching costs a training: ``python benchmarks/watching.py FOLDER [--models resnet18 …] [--repeats 3]``.

FOLDER has photos in class folders, such as TrashNet unpacked. ``sightline.train`` runs as it does by itself (records,
line on the terminal, TensorBoard, looks at the layers, training images judged at evaluations, live diagnosis) but for
``watch.every=2``, so that every second step is looked at and its neighbours are not. Within one process the clock is
read where watching begins and ends:

- steps: what the readers of a step's record take
- looks: what a step that is looked at takes longer than its neighbours, and its pictures for TensorBoard
- evaluations: what the readers of an evaluation's record take, the diagnosis among them
- seen: judging training images, at an evaluation

Printed is what these cost in a long training, with a look every ``--every`` steps and an evaluation after each epoch of
``--epoch`` images, as shares of its time, each the median of ``--repeats`` trainings that take turns over the models,
with the least and the most. Nothing is subtracted between runs, so a slow moment of the machine hits both sides.
``--json FILE`` writes everything measured.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from epoch import some
from loader import machine

PARTS = ("steps", "looks", "evaluations", "seen")


def main() -> None:
    """Measure in turn and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("images", type=Path)
    options.add_argument("--models", nargs="+", default=["resnet18", "mobilenetv3_large_100", "efficientnet_b0"])
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--side", type=int, default=224)
    options.add_argument("--count", type=int, default=320, help="images to train on and to judge")
    options.add_argument("--epoch", type=int, default=2048, help="training images of the epoch that shares are told of")
    options.add_argument("--every", type=int, default=250, help="steps between looks in it")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--json", type=Path)
    options.add_argument("--one", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        print(json.dumps(measured(chosen, chosen.one)))
        return
    report: dict[str, Any] = {"machine": machine(), "models": {model: [] for model in chosen.models}}
    with tempfile.TemporaryDirectory() as name:
        folder = some(chosen.images, Path(name) / "images", chosen.count)
        for _, model in itertools.product(range(chosen.repeats), chosen.models):
            command = [sys.executable, sys.argv[0], str(folder), *sys.argv[2:], "--one", model]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            report["models"][model].append(json.loads(done.stdout.splitlines()[-1]))
    for model, rows in report["models"].items():
        show(chosen, model, rows)
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")


def show(chosen: argparse.Namespace, model: str, rows: list[dict[str, float]]) -> None:
    """A line for each model, and what its parts are."""
    found = [shares(chosen, row) for row in rows]
    told = ", ".join(f"{part} {spread([share[part] for share in found])}" for part in PARTS)
    print(f"{model}: all watching {spread([sum(share.values()) for share in found])} of the time: {told}")


def spread(numbers: list[float]) -> str:
    """Median, least and most, in percent."""
    return f"{100 * statistics.median(numbers):.2f} % ({100 * min(numbers):.2f} to {100 * max(numbers):.2f})"


def shares(chosen: argparse.Namespace, row: dict[str, float]) -> dict[str, float]:
    """Shares of the time of a long training without its evaluations that watching adds to it."""
    steps = chosen.epoch / chosen.batch
    seconds = steps * row["step"]
    costs = {
        "steps": steps * row["step_sinks"],
        "looks": steps / chosen.every * row["look"],
        "evaluations": row["eval_sinks"],
        "seen": row["judge"] * row["wanted"],
    }
    return {part: cost / (seconds + sum(costs.values())) for part, cost in costs.items()}


SEEN = 64
"""Training images that each evaluation judges here."""


class Clocks:
    """Seconds of a training, by what they were spent on; a list of times each."""

    def __init__(self):
        self.times: dict[str, list[float]] = {
            name: [] for name in ("plain", "looked", "step_sinks", "eval_sinks", "shown", "seen")
        }

    def timed(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """The same, and how long it took."""

        def acted(*arguments: Any) -> Any:
            start = time.perf_counter()
            found = act(*arguments)
            self.times[name].append(time.perf_counter() - start)
            return found

        return acted

    def loop(self, own: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The training's loop, between whose records the clock is read."""

        def told(job: Any, *arguments: Any) -> Iterator[Any]:
            job.seen, began = self.timed("seen", job.seen), time.perf_counter()
            for record in own(job, *arguments):
                now, pictures = time.perf_counter(), sum(self.times["shown"])
                if record.kind == "step":
                    self.times["looked" if job.looks.due else "plain"].append(now - began)
                yield record
                began = time.perf_counter()
                spent = began - now
                if record.kind in ("step", "eval"):
                    self.times[f"{record.kind}_sinks"].append(spent - sum(self.times["shown"]) + pictures)
                elif record.kind == "look":
                    self.times["looked"][-1] += spent

        return told

    def pictures(self, show: Callable[..., None]) -> Callable[..., None]:
        """What gives pictures to TensorBoard; those of a look are written with the evaluation that follows it."""
        look = self.timed("shown", show)

        def shown(writer: Any, arrays: Any, *rest: Any) -> None:
            (look if arrays and "confusion" not in arrays else show)(writer, arrays, *rest)

        return shown


def measured(chosen: argparse.Namespace, model: str) -> dict[str, float]:
    """One training in this process."""
    import sightline
    import sightline.workflow.fit as workflow
    from sightline.sinks import tensorboard
    from sightline.workflow.watching import LEAST, MOST, PASSES, SHARE

    clocks = Clocks()
    tensorboard.show_arrays = clocks.pictures(tensorboard.show_arrays)
    tensorboard._HELD = 1  # each record is written at once: what writing many at a time saves is not counted
    workflow.train = clocks.loop(workflow.train)
    settings: dict[str, Any] = {
        "model.name": model, "model.weights": "none", "data.image_size": chosen.side, "data.check": "off",
        "data.val": 0.2, "data.test": 0, "train.batch_size": chosen.batch, "train.epochs": 3, "watch.every": 2,
        "watch.seen": SEEN,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        sightline.train(chosen.images, run=Path(folder) / "run", settings=settings)
    warm = {name: statistics.median(values[1:] or values) for name, values in clocks.times.items()}
    return {
        "step": warm["plain"], "look": warm["looked"] - warm["plain"] + warm["shown"], "step_sinks": warm["step_sinks"],
        "eval_sinks": warm["eval_sinks"], "judge": warm["seen"] / SEEN,
        "wanted": max(LEAST, min(MOST, round(SHARE * PASSES * chosen.epoch))),
    }  # fmt: skip


if __name__ == "__main__":
    main()
