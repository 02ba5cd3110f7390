"""Memory and time of reading many paths: ``python benchmarks/read_paths.py [N] [--csv]``, N = 100,000 by default.

Writes N empty images in ten class folders, reads them in a fresh process and prints by how much the peak of its memory
grew. What is measured is the listing alone: an empty file costs no decoding and hardly any disk.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sightline.data.read import read

CLASSES = 10


def write_entries(root: Path, count: int) -> None:
    """Empty images named like those of large data sets, spread over the class folders."""
    for code in range(CLASSES):
        folder = root / f"class-{code:03d}"
        folder.mkdir()
        for number in range(code, count, CLASSES):
            (folder / f"image_{number:012d}.jpg").touch()


def write_table(root: Path, count: int) -> Path:
    """A CSV that names all of them."""
    with (root / "data.csv").open("w") as file:
        file.write("path,label,split\n")
        for number in range(count):
            name, part = f"class-{number % CLASSES:03d}", ("train", "val", "test")[number // CLASSES % 3]
            file.write(f"{name}/image_{number:012d}.jpg,{name},{part}\n")
    return root / "data.csv"


def measure(path: Path) -> dict[str, float]:
    """Seconds, growth of the peak memory in MB, and the number of samples, of one read in this process."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    samples = read(path)
    seconds = time.perf_counter() - start
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"samples": len(samples), "seconds": round(seconds, 2), "peak growth in MB": round(growth, 1)}


def main() -> None:
    """Write the entries, read them in a fresh process, print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("count", nargs="?", type=int, default=100_000)
    options.add_argument("--csv", action="store_true", help="read them from a CSV instead of the folders")
    options.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.read:
        print(json.dumps(measure(chosen.read)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_entries(Path(folder), chosen.count)
        path = write_table(Path(folder), chosen.count) if chosen.csv else Path(folder)
        subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)


if __name__ == "__main__":
    main()
