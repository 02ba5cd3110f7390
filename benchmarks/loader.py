"""The loader beside torchvision's and timm's: ``python benchmarks/loader.py [--images FOLDER] [--fashion FOLDER]``.

Each contestant delivers normalized float32 batches ``[n, channels, height, width]``: of photos (class folders, such as
TrashNet unpacked) random-resized crops at 224 pixels with mirror images, batches of 32; of Fashion-MNIST, written here
as PNG files, 28 x 28 pixels shifted and mirrored (ours are turned and scaled as well), batches of 128.

- ``torchvision``: ImageFolder and DataLoader. It counts as 1.0.
- ``timm``: create_loader with its prefetcher.
- ``cold``: ours, building the cache and then delivering one epoch.
- ``warm``: ours, opening the cache that is there and delivering, cropped by workers.
- ``device``: the same, cropped on the device; with ``--device cuda`` only.

Each has ``--workers`` worker processes, ours as many threads; but of small images ours makes the batches where they are
asked for, as ``sightline train`` does where that takes less than 3 % of a step (``--threads`` sets another number).
With ``--device cuda`` batches count when they are on the GPU.

Every measurement is a fresh process; the contestants take turns, so that a slow moment of the machine hits all of
them. Counted are images per second of the clock and of the processors (worker processes included), and the peak of the
memory that belongs to the process tree (proportional set size: pages of the cache that the kernel could drop at any
time stand apart). Printed are median and quartiles; ``--json FILE`` writes everything measured.

``--paths 1000000`` measures instead by how much each of four worker processes grows that share a list of so many paths.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CONTESTANTS = ("torchvision", "timm", "cold", "warm", "device")
SIDE, SMALL_SIDE, SHIFT = 224, 28, 3
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ENOUGH = 2.0
"""Seconds that a contestant runs at least; quick ones go through the images several times."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """What every contestant has to do."""

    folder: str
    small: bool
    batch: int
    workers: int
    threads: int
    device: str


def main() -> None:
    """Measure in turn and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--images", type=Path, help="class folders with photos")
    options.add_argument("--fashion", type=Path, help="folder with the idx files of Fashion-MNIST")
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--count", type=int, default=10_000, help="images of Fashion-MNIST to write")
    options.add_argument("--workers", type=int, default=2, help="worker processes")
    options.add_argument("--threads", type=int, help="our threads: as many, but none for small images")
    options.add_argument("--batch", type=int, help="images of a batch: 32 photos, or 128 small ones")
    options.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options.add_argument("--json", type=Path)
    options.add_argument("--paths", type=int)
    options.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        print(json.dumps(measured(chosen.one[0], Trial(**json.loads(chosen.one[1])))))
        return
    if chosen.paths:
        from loader_contestants import shared_list

        print(json.dumps(shared_list(chosen.paths, 4)))
        return
    report: dict[str, Any] = {"machine": machine(), "repeats": chosen.repeats, "results": {}}
    with tempfile.TemporaryDirectory() as name:
        os.environ["SIGHTLINE_CACHE"] = str(Path(name) / "cache")
        for label, folder in (("photos", chosen.images), ("28 x 28", chosen.fashion)):
            if folder is None:
                continue
            small = label == "28 x 28"
            place = write_pngs(folder, Path(name) / "png", chosen.count) if small else folder
            batch = chosen.batch or (128 if small else 32)
            threads = chosen.threads if chosen.threads is not None else 0 if small else chosen.workers
            trial = Trial(str(place), small, batch, chosen.workers, threads, chosen.device)
            report["results"][label] = compared(trial, chosen.repeats)
            show(label, report["results"][label])
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")


def compared(trial: Trial, repeats: int) -> dict[str, list[dict[str, float]]]:
    """Every contestant in turn, after one round that counts for nothing and leaves the files in memory."""
    names = [name for name in CONTESTANTS if name != "device" or (trial.device == "cuda" and not trial.small)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for turn in range(1 + repeats):
        for name in names:
            figures = alone(name, trial)
            if turn:
                found[name].append(figures)
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def alone(contestant: str, trial: Trial) -> dict[str, float]:
    """One contestant in a process of its own, whose memory is watched from here, at no cost to it."""
    command = [sys.executable, __file__, "--one", contestant, json.dumps(dataclasses.asdict(trial))]
    own, mapped = 0.0, 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            now = memory(process.pid)
            own, mapped = max(own, now[0]), max(mapped, now[1])
            time.sleep(0.2)
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    if process.returncode:
        raise SystemExit(f"{contestant} failed with exit code {process.returncode}")
    return json.loads(lines[-1]) | {"own MB": own, "mapped MB": mapped}


def memory(process: int) -> tuple[float, float]:
    """Megabytes that a process tree holds: its own or shared within it, and mapped from files."""
    own = mapped = 0
    for one in tree(process):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
            sizes = {line.split()[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
            own += sizes["Pss_Anon:"] + sizes["Pss_Shmem:"]
            mapped += sizes["Pss_File:"]
    return own / 1024, mapped / 1024


def measured(contestant: str, trial: Trial) -> dict[str, float]:
    """One contestant in this process."""
    import torch

    torch.set_num_threads(1)
    epoch: Callable[[int], Iterator[Any]] = ready(contestant, trial)
    used, began, images, turn = processors(), time.perf_counter(), 0, 0
    while turn == 0 or (contestant != "cold" and time.perf_counter() - began < ENOUGH):
        for batch in epoch(turn):
            assert batch.dtype == torch.float32 and batch.is_contiguous() and batch.device.type == trial.device
            images += len(batch)
        turn += 1
    if trial.device == "cuda":
        torch.cuda.synchronize()
    seconds, used = time.perf_counter() - began, processors() - used
    return {"images": images, "by clock": images / seconds, "by processor": images / used}


def ready(contestant: str, trial: Trial) -> Callable[[int], Iterator[Any]]:
    """From the number of an epoch to its batches. Everything that is done once only is done here, except ``cold``."""
    import loader_contestants as them

    if contestant in ("torchvision", "timm"):
        return getattr(them, contestant)(trial)
    return them.ours(trial, contestant)


def processors() -> float:
    """Processor seconds of this process and of its children, those still running included."""
    ticks = 0
    for process in tree(os.getpid()):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15] if process == os.getpid() else fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def tree(process: int) -> list[int]:
    """A process and its children."""
    found = [process]
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{process}/task").glob("*/children"):
            found += map(int, file.read_text().split())
    return found


def write_pngs(source: Path, folder: Path, count: int) -> Path:
    """The first training images of Fashion-MNIST as PNG files in class folders."""
    from PIL import Image

    from sightline.data.read import read

    samples = read(source)
    assert samples.pixels is not None
    for index in samples.part("train")[:count].tolist():
        path = folder / f"{samples.labels[index]}" / f"{index:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(samples.pixels[index]).save(path)
    return folder


def show(label: str, results: dict[str, list[dict[str, float]]]) -> None:
    """A table: medians, quartiles, ratios to torchvision."""
    columns = ("by clock", "by processor")
    heads = "".join(f"{head:>30}{'ratio':>7}" for head in ("images/s by clock", "images per CPU-second"))
    print(f"{label:<14}{heads}{'own MB':>8}{'mapped':>8}")
    for name, rows in results.items():
        line = f"{name:<14}"
        for column in columns:
            values = sorted(row[column] for row in rows)
            low, middle, high = quartiles(values)
            reference = statistics.median(row[column] for row in results["torchvision"])
            line += f"{f'{middle:.0f} ({low:.0f} to {high:.0f})':>30}{middle / reference:>7.2f}"
        memory = (statistics.median(row[key] for row in rows) for key in ("own MB", "mapped MB"))
        print(line + "".join(f"{value:>8.0f}" for value in memory))


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) < 2:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def machine() -> dict[str, Any]:
    """What it ran on."""
    import cv2
    import PIL
    import timm
    import torch
    import torchvision

    from sightline.workflow.environment import machine as facts

    libraries = {"torch": torch, "torchvision": torchvision, "timm": timm, "pillow": PIL, "opencv": cv2}
    return facts() | {name: library.__version__ for name, library in libraries.items()}


if __name__ == "__main__":
    main()
