"""Data sets of labels and of numbers, drawn so that a small network learns them in seconds."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

COLORS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}


def write_shapes(folder: Path, count: int = 60, side: int = 12) -> Path:
    """Noise with up to three squares of pure colors, and ``shapes.csv`` with labels like ``blue|red``."""
    random, rows = np.random.default_rng(0), [("path", "label")]
    (folder / "shapes").mkdir(parents=True)
    for number in range(count):
        pixels = random.integers(0, 60, (side, side, 3), dtype=np.uint8)
        names = [name for name in COLORS if random.random() < 0.45]
        for name in names:
            top, left = random.integers(0, side - 4, 2)
            pixels[top : top + 4, left : left + 4] = COLORS[name]
        Image.fromarray(pixels).save(folder / "shapes" / f"{number}.png")
        rows.append((f"shapes/{number}.png", "|".join(names)))
    return _written(folder / "shapes.csv", rows)


def write_lights(folder: Path, count: int = 60, side: int = 12) -> Path:
    """Gray noise of a brightness, dark on the left, and ``lights.csv``: ``path,brightness,width,weight``."""
    random, rows = np.random.default_rng(0), [("path", "brightness", "width", "weight")]
    (folder / "lights").mkdir(parents=True)
    for number in range(count):
        bright, width = random.uniform(60, 220), int(random.integers(2, 9))
        pixels = np.clip(random.normal(bright, 5, (side, side, 3)), 0, 255).astype(np.uint8)
        pixels[:, :width] //= 4
        Image.fromarray(pixels).save(folder / "lights" / f"{number}.png")
        rows.append((f"lights/{number}.png", f"{bright:.2f}", str(width), f"{1 + number % 3}"))
    return _written(folder / "lights.csv", rows)


def _written(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path
