"""A training step beside timm's: ``python benchmarks/train_step.py [--models resnet18 …] [--batch 32] [--side 224]``.

Forward, backward, step of the optimizer and schedule, on images that are in memory already: SGD with Nesterov's
momentum, smoothed labels, random weights. timm's train.py is a script and not in the wheel: its loop is written here
from timm's functions, as its defaults have it.

- ``timm``: float32, contiguous, as many threads as torch takes. It counts as 1.0.
- ``equal``: ours with the same precision, layout and number of threads. Of either, scaling uint8 images is part of the
  step. What no setting decides is as ever: freed memory is kept (mallopt), and threads spin for a moment only.
- ``auto``: ours as ``sightline train`` does it: threads, precision and layout are measured first (that is not counted).

Every measurement is a fresh process; the contestants take turns, so that a slow moment of the machine hits all of them.
Counted are images per second of the clock and of the processors, median of the steps after ``--warm``. Printed are
median and quartiles over the repeats, and the ratios turn by turn.

At the end what all watching costs a step: records.jsonl, TensorBoard and the line on the terminal, by steps of a
network that does next to nothing with and without them, in turns; and looks at the layers of each model, by steps that
are looked at between others that are not, in one process. ``--json FILE`` writes everything measured.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loader import machine, quartiles

CONTESTANTS = ("timm", "equal", "auto")
KINDS = ("by clock", "by processor")
EVERY = 250
"""Steps between looks at the layers where nothing is set."""


def main() -> None:
    """Measure in turn and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--models", nargs="+", default=["resnet18", "mobilenetv3_large_100", "efficientnet_b0"])
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--side", type=int, default=224)
    options.add_argument("--steps", type=int, default=5, help="steps that count")
    options.add_argument("--warm", type=int, default=2, help="steps before them")
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--json", type=Path)
    options.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        own = {"watching": watching, "looks": lambda: looks(chosen, chosen.one[1])}.get(chosen.one[0])
        print(json.dumps(measured(chosen, *chosen.one) if own is None else own()))
        return
    report: dict[str, Any] = {"machine": machine(), "options": vars(chosen) | {"json": None}, "models": {}, "looks": {}}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SIGHTLINE_CACHE"] = cache
        for model in chosen.models:
            report["models"][model] = compared(model, chosen.repeats)
            show(model, report["models"][model])
    report["watching"] = alone("watching", "")
    cost = report["watching"]["ms"]
    print(f"all watching: {cost:.2f} ms of processor time a step")
    for model in chosen.models:
        own = report["looks"][model] = alone("looks", model)
        share = (cost + own["look"] / EVERY) / own["step"]
        print(
            f"  {model}: a step {own['step']:.0f} ms, a look at its layers {own['look']:.0f} ms more; with one each "
            f"{EVERY} steps all watching is {100 * share:.2f} % of the processor time"
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")


def compared(model: str, repeats: int) -> dict[str, list[dict[str, Any]]]:
    """Every contestant in turn, after one turn of ours that measures what ``auto`` is and counts for nothing."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    alone("auto", model)
    for _ in range(repeats):
        for name in CONTESTANTS:
            found[name].append(alone(name, model))
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def alone(contestant: str, model: str) -> dict[str, Any]:
    """One contestant in a process of its own; ours with the environment that the command line sets."""
    spins = {"GOMP_SPINCOUNT": "10000"} if contestant != "timm" and "OMP_WAIT_POLICY" not in os.environ else {}
    command = [sys.executable, *sys.argv, "--one", contestant, model]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | spins)
    return json.loads(done.stdout.splitlines()[-1])


def measured(chosen: argparse.Namespace, contestant: str, model: str) -> dict[str, Any]:
    """One contestant in this process."""
    import torch
    import train_contestants as them

    steps, cores = chosen.warm + chosen.steps, len(os.sched_getaffinity(0))
    if contestant == "timm":
        batches = them.uint8_batches(chosen.batch, chosen.side, steps)
        made = them.timm_steps(model, batches, them.CLASSES, steps)
    else:
        from sightline.training.memory import keep_freed_memory

        keep_freed_memory()
        settings: dict[str, Any] = {"threads": torch.get_num_threads(), "precision": "fp32", "layout": "contiguous"}
        if contestant == "auto":
            settings = dict.fromkeys(settings, "auto")
        made = them.our_steps(model, chosen.side, chosen.batch, steps, settings | {"cores": cores})
    clock, processor = list[float](), list[float]()
    marks = (time.perf_counter(), time.process_time())
    for place, _ in enumerate(made):
        now = (time.perf_counter(), time.process_time())
        if place >= chosen.warm:
            clock.append(now[0] - marks[0])
            processor.append(now[1] - marks[1])
        marks = now
    speeds = (chosen.batch / statistics.median(clock), chosen.batch / statistics.median(processor))
    return dict(zip(KINDS, speeds, strict=True))


def watching(steps: int = 400, turns: int = 5) -> dict[str, float]:
    """Milliseconds of processor time that all watching costs a step."""
    import train_contestants as them

    costs: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as name:
        for turn in range(turns + 1):
            for watched in (False, True):
                folder = Path(name) / f"{turn}"
                folder.mkdir(exist_ok=True)
                began = time.process_time()
                for _ in them.watched_steps(steps, folder if watched else None):
                    pass
                if turn:
                    costs[watched].append((time.process_time() - began) / steps)
    return {"ms": 1000 * (statistics.median(costs[True]) - statistics.median(costs[False]))}


def looks(chosen: argparse.Namespace, model: str) -> dict[str, float]:
    """Milliseconds of processor time: of a step, and of what a look at the layers adds to one."""
    import train_contestants as them

    from sightline.training.memory import keep_freed_memory

    keep_freed_memory()
    form: dict[str, Any] = dict.fromkeys(("threads", "precision", "layout"), "auto")
    form["cores"] = len(os.sched_getaffinity(0))
    steps = 2 * (chosen.warm + chosen.steps)
    times: dict[bool, list[float]] = {True: [], False: []}
    mark = time.process_time()
    for place, _ in enumerate(them.our_steps(model, chosen.side, chosen.batch, steps, form, looks=2)):
        now = time.process_time()
        if place >= 2 * chosen.warm:
            times[place % 2 == 1].append(1000 * (now - mark))  # the second step, the fourth and so on are looked at
        mark = now
    plain, looked = (statistics.median(times[which]) for which in (False, True))
    return {"step": plain, "look": looked - plain}


def show(model: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """A table: medians, quartiles, and the ratios to timm in the same turn."""
    heads = "".join(f"{head:>28}{'ratio':>18}" for head in ("images/s by clock", "images per CPU-second"))
    print(f"{model:<24}{heads}")
    for name, rows in found.items():
        line = f"  {name:<22}"
        for kind in KINDS:
            low, middle, high = quartiles(sorted(row[kind] for row in rows))
            ratios = sorted(row[kind] / base[kind] for row, base in zip(rows, found["timm"], strict=True))
            least, ratio, most = quartiles(ratios)
            line += f"{f'{middle:.2f} ({low:.2f} to {high:.2f})':>28}{f'{ratio:.2f} ({least:.2f}-{most:.2f})':>18}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
