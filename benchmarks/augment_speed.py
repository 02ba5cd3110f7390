"""Milliseconds of each augmentation for one image: ``python benchmarks/augment_speed.py [PHOTO] [--repeats N]``.

A photo (the given file, or a 384x288 piece of one of scikit-learn's) becomes 224x224 RGB, a 28x28 gray image stays as
it is. Decoding is not counted: it is the same for all. Each figure is the median over the repeats, taken in turn, of
the mean over as many seeds; CPU time of this process.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightline.data.augment.config import STEPS
from sightline.data.config import DataConfig
from sightline.data.contract import Contract
from sightline.data.image import read_image
from sightline.data.transforms import AUGMENTS, make_transform


def contract(color: str, side: int, shorter: int) -> Contract:
    """What the model sees of the images here."""
    channels = 3 if color == "rgb" else 1
    return Contract(
        classes=("a", "b"),
        color="rgb" if color == "rgb" else "gray",
        height=side,
        width=side,
        resize="crop",
        shorter=shorter,
        interpolation="bilinear",
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )


def piece() -> Image.Image:
    """A photo that is always at hand."""
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("china.jpg")[100:388, 100:484])


def measured(
    transforms: dict[str, Callable[[Any, int], Any]], image: Any, repeats: int, seeds: int
) -> dict[str, float]:
    """Median milliseconds of each, one after the other in every repeat."""
    found: dict[str, list[float]] = {name: [] for name in transforms}
    for repeat in range(repeats):
        for name, transform in transforms.items():
            transform(image, 0)
            start = time.process_time()
            for seed in range(seeds):
                transform(image, repeat * seeds + seed)
            found[name].append((time.process_time() - start) / seeds * 1e3)
    return {name: float(np.median(values)) for name, values in found.items()}


def main() -> None:
    """Print a table in Markdown."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("photo", nargs="?", type=Path)
    options.add_argument("--repeats", type=int, default=3)
    chosen = options.parse_args()
    photo = read_image(chosen.photo) if chosen.photo else piece()
    digit = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    columns: list[dict[str, float]] = []
    for own, image, seeds in ((contract("rgb", 224, 256), photo, 15), (contract("gray", 28, 28), digit, 60)):
        wanted: dict[str, Any] = {name: name for name in AUGMENTS}
        wanted |= {f"[{name}]": [{name: {"p": 1.0}}] for name in STEPS if own.color == "rgb" or name != "grayscale"}
        made = {name: make_transform(DataConfig(augment=value, flip="no"), own) for name, value in wanted.items()}
        columns.append(measured(made, image, chosen.repeats, seeds))
    print(f"| augmentation | {photo.width}x{photo.height} to 224x224 | 28x28 gray |\n| --- | --- | --- |")
    for name in columns[0]:
        small = f"{columns[1][name]:.3f}" if name in columns[1] else ""
        print(f"| `{name}` | {columns[0][name]:.2f} | {small} |")


if __name__ == "__main__":
    main()
