"""Speed of the check against the decoder alone: ``python benchmarks/check_speed.py DATA`` or ``… --tiny 100000``.

With DATA, both work on the same files with as many threads as there are cores, turn by turn in one process: Pillow's
bare ``verify`` and ``load`` of each file, and ``sightline check`` with a cold cache and every rule on. Printed are the
median and the range of the images per second, by the clock and by processor time, and the median of the ratios of
neighboring turns. On a machine that others use at the same time the ratio by processor time is the steadier one.

With ``--tiny N``, N PNG files of 16 x 16 pixels are written and checked in a fresh process: rate and peak memory.
"""

import argparse
import concurrent.futures
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.data.read import read
from sightline.machine import cores
from sightline.workflow.check import examine


def bare(path: Path) -> None:
    """What Pillow alone needs for a file."""
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        image.load()


def all_bare(paths: list[Path]) -> None:
    """The files, one after another in each thread."""
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        pieces = [paths[start : start + 32] for start in range(0, len(paths), 32)]
        list(pool.map(lambda piece: [bare(path) for path in piece], pieces))


def cold_check(data: str) -> None:
    """Every rule, with nothing known from before."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SIGHTLINE_CACHE"] = folder
        examine(data)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock and of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def compare(data: str, repeats: int) -> None:
    """Both in turn, and the figures."""
    samples = read(data)
    folder, paths = str(samples.root), [samples.file(index) for index in range(len(samples))]
    all_bare(paths)  # the files are in memory from here on, for both
    turns = [(timed(lambda: all_bare(paths)), timed(lambda: cold_check(folder))) for _ in range(repeats)]
    print(f"{len(paths)} files, {cores()} threads, {repeats} turns")
    for place, words in enumerate(("clock", "processor time")):
        for which, name in enumerate(("Pillow verify+load", "sightline check")):
            rates = sorted(len(paths) / turn[which][place] for turn in turns)
            told = f"{statistics.median(rates):7.0f} images/s ({rates[0]:.0f} to {rates[-1]:.0f})"
            print(f"{words:15} {name:20} {told}")
        ratios = sorted(turn[0][place] / turn[1][place] for turn in turns)
        print(f"{words:15} {'ratio':20} {statistics.median(ratios):7.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def write_tiny(root: Path, count: int) -> None:
    """Different pictures of 16 x 16 pixels in ten class folders."""
    random = np.random.default_rng(0)
    for code in range(10):
        (root / f"class-{code}").mkdir()
    for number in range(count):
        pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"class-{number % 10}" / f"{number:07d}.png", compress_level=1)


def measure_tiny(data: str) -> dict[str, float]:
    """Rate, findings and peak memory of a cold and of a second check in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cold, processor = timed(lambda: examine(data) and None)
    warm, _ = timed(lambda: examine(data) and None)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = len(read(data))
    return {
        "files": count,
        "files/s cold": round(count / cold),
        "files/s of processor time": round(count / processor),
        "files/s second time": round(count / warm),
        "peak memory in MB": round(after / 1024),
        "of it grown in MB": round((after - before) / 1024),
    }


def main() -> None:
    """Compare on a data set, or measure on tiny files."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("data", nargs="?", help="folder or archive of images")
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--tiny", type=int, metavar="N", help="write and check this many tiny files")
    options.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.measure:
        print(json.dumps(measure_tiny(chosen.measure)))
    elif chosen.tiny:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
            write_tiny(Path(folder), chosen.tiny)
            environment = os.environ | {"SIGHTLINE_CACHE": cache}
            subprocess.run([sys.executable, __file__, "--measure", folder], check=True, env=environment)
    elif chosen.data:
        compare(chosen.data, chosen.repeats)
    else:
        options.error("give a data set, or --tiny N")


if __name__ == "__main__":
    main()
