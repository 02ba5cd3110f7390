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
from collections.abc import Iterator
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
    options.add_argument("--every", type=int, default=200, help="steps between looks in it")
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


def measured(chosen: argparse.Namespace, model: str) -> dict[str, float]:
    """One training in this process."""
    import sightline
    import sightline.workflow.fit as workflow
    from sightline.sinks import tensorboard
    from sightline.workflow.watching import LEAST, MOST, PASSES, SHARE

    clocks: dict[str, list[float]] = {
        name: [] for name in ("plain", "looked", "step_sinks", "eval_sinks", "shown", "seen")
    }
    loop, seen = workflow.train, 64

    def told(job: Any, *arguments: Any) -> Iterator[Any]:
        judge, due, began = job.seen, False, time.perf_counter()

        def timed(module: Any) -> Any:
            start = time.perf_counter()
            try:
                return judge(module)
            finally:
                clocks["seen"].append(time.perf_counter() - start)

        job.seen = timed
        for record in loop(job, *arguments):
            taken = time.perf_counter() - began
            if record.kind == "step":
                due = job.looks.due
                clocks["looked" if due else "plain"].append(taken)
            start, pictures = time.perf_counter(), sum(clocks["shown"])
            yield record
            began = time.perf_counter()
            if record.kind in ("step", "eval"):
                clocks[f"{record.kind}_sinks"].append(began - start - sum(clocks["shown"]) + pictures)
            elif record.kind == "look":
                clocks["looked"][-1] += began - start

    show = tensorboard.show_arrays

    def shown(writer: Any, arrays: Any, *rest: Any) -> None:
        start = time.perf_counter()
        show(writer, arrays, *rest)
        if arrays and "confusion" not in arrays:  # of a look, written with the evaluation that follows
            clocks["shown"].append(time.perf_counter() - start)

    tensorboard.show_arrays = shown
    tensorboard._HELD = 1  # each record is written at once: what writing many at a time saves is not counted
    workflow.train = told
    settings: dict[str, Any] = {
        "model.name": model, "model.weights": "none", "data.image_size": chosen.side, "data.check": "off",
        "data.val": 0.2, "data.test": 0, "train.batch_size": chosen.batch, "train.epochs": 3, "watch.every": 2,
        "watch.seen": seen,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        sightline.train(chosen.images, run=Path(folder) / "run", settings=settings)
    warm = {name: statistics.median(values[1:] or values) for name, values in clocks.items()}
    return {
        "step": warm["plain"], "look": warm["looked"] - warm["plain"] + warm["shown"], "step_sinks": warm["step_sinks"],
        "eval_sinks": warm["eval_sinks"], "judge": warm["seen"] / seen,
        "wanted": max(LEAST, min(MOST, round(SHARE * PASSES * chosen.epoch))),
    }  # fmt: skip


if __name__ == "__main__":
    main()
