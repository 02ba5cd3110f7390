"""How long the command line takes to answer: ``python benchmarks/startup.py [--repeats 20] [--limit 0.25]``.

Runs ``sightline --help``, ``--version`` and each ``VERB --help`` in fresh processes, in turn so that a slow moment of
the machine hits all of them, and prints the median, shortest and longest time in seconds. The exit code is 1 where a
median is beyond the limit.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from sightline.cli import VERBS


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--repeats", type=int, default=20)
    options.add_argument("--limit", type=float, default=0.25, help="seconds that a median may take")
    chosen = options.parse_args()
    program = program_path()
    commands = [("--help",), ("--version",), *((verb, "--help") for verb in VERBS)]
    times: dict[tuple[str, ...], list[float]] = {command: [] for command in commands}
    for turn in range(1 + chosen.repeats):
        for command in commands:
            began = time.perf_counter()
            subprocess.run([program, *command], check=True, stdout=subprocess.DEVNULL)
            if turn:  # the first turn fills the file cache
                times[command].append(time.perf_counter() - began)
    print(f"{'seconds':<28}{'median':>8}{'min':>8}{'max':>8}")
    for command, seconds in times.items():
        figures = (statistics.median(seconds), min(seconds), max(seconds))
        print(f"{'sightline ' + ' '.join(command):<28}" + "".join(f"{figure:>8.3f}" for figure in figures))
    slowest = max(statistics.median(seconds) for seconds in times.values())
    print(f"slowest median {slowest:.3f} s, limit {chosen.limit:g} s, {chosen.repeats} repeats")
    return 0 if slowest <= chosen.limit else 1


def program_path() -> str:
    """The console script beside this Python."""
    found = shutil.which("sightline", path=str(Path(sys.executable).parent)) or shutil.which("sightline")
    if found is None:
        raise SystemExit("error: sightline is not installed beside this Python")
    return found


if __name__ == "__main__":
    sys.exit(main())
