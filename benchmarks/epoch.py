"""Epochs from files beside timm's: ``python benchmarks/epoch.py FOLDER [--models resnet18 …] [--count 320]``.

FOLDER has photos in class folders, such as TrashNet unpacked. Everything of an epoch counts: decoding, random-resized
crops at ``--side`` pixels with mirror images, forward, backward, step. SGD with Nesterov's momentum, smoothed labels,
random weights, no evaluation. timm's train.py is a script and not in the wheel: its loop is written here from timm's
functions (create_dataset, create_loader with its prefetcher, create_optimizer_v2, its loss and schedule).

- ``timm``: float32, contiguous, as many threads as torch takes. It counts as 1.0.
- ``equal``: ours with the same precision, layout, threads and workers, decoding each image each time. What no setting
  decides is as ever: freed memory is kept (mallopt), and threads spin for a moment only.
- ``auto``: ours as ``sightline train`` does it: precision, layout and threads are measured, pixels are kept.

Each has ``--workers`` workers. Every measurement is a fresh process of ``--epochs`` epochs, of which the first is not
counted; the contestants take turns. Counted are images per second of the clock and of the processors, workers included.
Printed are median and quartiles over the repeats, and the ratios turn by turn. ``--json FILE`` writes everything
measured.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from loader import machine, processors
from train_step import CONTESTANTS, KINDS, show


def main() -> None:
    """Measure in turn and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("images", type=Path)
    options.add_argument("--models", nargs="+", default=["resnet18", "mobilenetv3_large_100", "efficientnet_b0"])
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--side", type=int, default=224)
    options.add_argument("--count", type=int, default=320, help="images of an epoch")
    options.add_argument("--epochs", type=int, default=3, help="the first one warms up")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--json", type=Path)
    options.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.count % chosen.batch:
        raise SystemExit("--count must be a multiple of --batch: timm leaves out the last, smaller batch")
    if chosen.one:
        print(json.dumps(measured(chosen, *chosen.one)))
        return
    report: dict[str, Any] = {"machine": machine(), "models": {}}
    with tempfile.TemporaryDirectory() as name:
        os.environ["SIGHTLINE_CACHE"] = str(Path(name) / "cache")
        folder = some(chosen.images, Path(name) / "images", chosen.count)
        for model in chosen.models:
            found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
            alone(folder, "auto", model)  # measures what auto is, and keeps the pixels
            for _, contestant in itertools.product(range(chosen.repeats), CONTESTANTS):
                found[contestant].append(alone(folder, contestant, model))
                print(".", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            show(model, found)
            report["models"][model] = found
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")


def some(source: Path, folder: Path, count: int) -> Path:
    """The first so many images of all classes in turn."""
    classes = [sorted(path.iterdir()) for path in sorted(source.iterdir()) if path.is_dir()]
    turns = [image for turn in itertools.zip_longest(*classes) for image in turn if image is not None]
    for image in turns[:count]:
        place = folder / image.parent.name / image.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, place)
    return folder


def alone(folder: Path, contestant: str, model: str) -> dict[str, Any]:
    """One contestant in a process of its own; ours with the environment that the command line sets."""
    spins = {"GOMP_SPINCOUNT": "10000"} if contestant != "timm" and "OMP_WAIT_POLICY" not in os.environ else {}
    command = [sys.executable, sys.argv[0], str(folder), *sys.argv[2:], "--one", contestant, model]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | spins)
    return json.loads(done.stdout.splitlines()[-1])


def measured(chosen: argparse.Namespace, contestant: str, model: str) -> dict[str, float]:
    """One contestant in this process: speed from the end of the first epoch to that of the last."""
    steps, marks = chosen.count // chosen.batch, list[tuple[float, float]]()

    def after() -> None:
        marks.append((time.perf_counter(), processors()))

    if contestant == "timm":
        theirs(chosen, model, steps, after)
    else:
        ours(chosen, contestant, model, after)
    assert len(marks) == steps * chosen.epochs
    spent = (last - first for first, last in zip(marks[steps - 1], marks[-1], strict=True))
    images = (chosen.epochs - 1) * chosen.count
    return dict(zip(KINDS, (images / seconds for seconds in spent), strict=True))


def theirs(chosen: argparse.Namespace, model: str, steps: int, after: Callable[[], None]) -> None:
    """timm's loader and loop."""
    import torch
    from timm.data import create_dataset, create_loader
    from train_contestants import timm_steps

    loader = create_loader(
        create_dataset("", str(chosen.images)), (3, chosen.side, chosen.side), chosen.batch, is_training=True,
        scale=(0.25, 1.0), color_jitter=0.2, device=torch.device("cpu"), num_workers=chosen.workers,
        persistent_workers=True, interpolation="bilinear",
    )  # fmt: skip
    classes = sum(path.is_dir() for path in chosen.images.iterdir())
    epochs = itertools.chain.from_iterable(itertools.repeat(loader))
    for _ in timm_steps(model, lambda: iter(epochs), classes, steps * chosen.epochs):
        after()


def ours(chosen: argparse.Namespace, contestant: str, model: str, after: Callable[[], None]) -> None:
    """``sightline train``, by its Python name."""
    import torch

    import sightline
    import sightline.workflow.fit as workflow

    settings: dict[str, Any] = {
        "model.name": model, "model.weights": "none", "data.image_size": chosen.side, "data.augment": "standard",
        "data.check": "off", "data.val": 0, "data.test": 0, "train.batch_size": chosen.batch,
        "train.epochs": chosen.epochs, "train.optimizer.name": "sgd", "train.lr": 0.05, "train.save": "100%",
    }  # fmt: skip
    if contestant == "equal":
        settings |= {
            "train.precision": "fp32", "train.layout": "contiguous", "train.threads": torch.get_num_threads(),
            "data.cache": "off", "data.workers": chosen.workers, "train.accumulate": 1,
        }  # fmt: skip
    loop = workflow.train

    def told(*arguments: Any) -> Iterator[Any]:
        for record in loop(*arguments):
            if record.kind == "step":
                after()
            yield record

    workflow.train = told
    with tempfile.TemporaryDirectory() as folder:
        sightline.train(chosen.images, run=Path(folder) / "run", settings=settings)


if __name__ == "__main__":
    main()
