"""Held against what somebody else computes, and noted for the table in docs/oracles.md.

``scripts/oracles`` runs the tests that call ``same`` and writes the table from what they noted.
"""

import json
import os
import platform
import sys
from collections import defaultdict
from pathlib import Path

import torch

NOTES = "SIGHTLINE_ORACLES"
"""Environment: the file that takes a line for each comparison; nothing is noted without it."""
BEGIN, END = "<!-- written by scripts/oracles -->", "<!-- end -->"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "oracles.md"
HEADS = {"optimizer": "Optimizers", "loss": "Losses", "boxes": "Losses of boxes"}


def same(kind: str, name: str, oracle: str, ours: torch.Tensor, theirs: torch.Tensor, **bounds: float) -> None:
    """``torch.testing.assert_close``, noted.

    Args:
        kind: one of ``HEADS``.
        name: of the optimizer or loss, as settings name it.
        oracle: whose values ``theirs`` are.
        ours: what is tested.
        theirs: what it should be.
        bounds: ``rtol`` and ``atol``; both 0 for bit-for-bit.
    """
    torch.testing.assert_close(ours, theirs, **bounds)  # type: ignore[arg-type]
    if os.environ.get(NOTES):
        off = float((ours - theirs).abs().max() / theirs.abs().max())
        note = {"kind": kind, "name": name, "oracle": oracle, "type": str(ours.dtype), "off": off}
        with Path(os.environ[NOTES]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(note) + "\n")


def table(kind: str, notes: list[dict[str, str | float]]) -> str:
    """Rows of one kind: the largest difference of each name from each oracle, and in how many comparisons."""
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for note in notes:
        if note["kind"] == kind:
            number = str(note["type"]).removeprefix("torch.")
            found[str(note["name"]), str(note["oracle"]), number].append(float(note["off"]))
    rows = [f"## {HEADS[kind]}", "", "| name | oracle | numbers | comparisons | largest difference |"]
    rows.append("| --- | --- | --- | --- | --- |")
    for (name, oracle, number), offs in sorted(found.items()):
        largest = f"{max(offs):.1e}" if max(offs) else "none, bit for bit"
        rows.append(f"| `{name}` | {oracle} | {number} | {len(offs)} | {largest} |")
    return "\n".join(rows)


def write(notes: Path) -> None:
    """Put the tables into the page."""
    read = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    machine = f"{platform.machine()}, CPU, torch {torch.__version__.split('+')[0]}"
    text = "\n\n".join([f"Machine: {machine}.", *(table(kind, read) for kind in HEADS)])
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
