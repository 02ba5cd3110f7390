"""Whether small turns and sizes help small gray images: ``python benchmarks/augment_quality.py [--seeds N]``.

Trains the built-in cnn on 400 of scikit-learn's digits (8x8) and, with ``--fashion FOLDER``, on 400 pieces of
Fashion-MNIST (28x28), once for each seed and augmentation; a seed decides the split too, so the seeds are a repeated
random cross-validation. Prints the mean and the standard deviation of the accuracy on the test parts.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import sightline
from sightline.data.read import read
from sightline.demo import write_digits

VARIANTS: dict[str, Any] = {
    "none": "none",
    "light": "light",
    "light, rotation 10": ["pad_crop", {"rotation": {"degrees": 10}}],
    "affine 10, 0.9 to 1.1, shift 0.125": [{"affine": {"degrees": 10, "scale": [0.9, 1.1], "shift": 0.125}}],
}
FIXED = {
    "train.epochs": 12,
    "data.limit": 400,
    "train.batch_size": 32,
    "train.precision": "fp32",
    "train.layout": "contiguous",
    "train.threads": 1,
    "train.tensorboard": False,
    "train.evaluate": "12ep",
    "data.val": 0.05,
    "data.test": 0.6,
    "train.save": "12ep",
    "data.workers": 0,
    "evaluation.resamples": 100,
}


def write_fashion(source: Path, folder: Path, count: int = 2000) -> None:
    """The first images of the training part, as class folders without parts."""
    from PIL import Image

    samples = read(source)
    assert samples.pixels is not None
    for index in range(count):
        target = folder / samples.classes[samples.labels[index]].replace("/", "-") / f"{index}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(samples.pixels[index]).save(target)


def main() -> None:
    """Train everything and print one line for each data set and augmentation."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--fashion", type=Path, help="folder with Fashion-MNIST's idx files")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_digits(root / "digits")
        sets = ["digits"]
        if chosen.fashion:
            write_fashion(chosen.fashion, root / "fashion")
            sets.append("fashion")
        for data in sets:
            for number, (label, augment) in enumerate(VARIANTS.items()):
                start, found = time.process_time(), list[float]()
                for seed in range(chosen.seeds):
                    run = root / f"{data}-{number}-{seed}"
                    sightline.train(root / data, run=run, settings={**FIXED, "data.augment": augment, "seed": seed})
                    found.append(sightline.evaluate(run)["accuracy"]["value"])
                seconds = (time.process_time() - start) / chosen.seeds
                spread = np.std(found, ddof=1) if len(found) > 1 else 0.0
                print(
                    f"{data:<8} {label:<36} {np.mean(found):.4f} ± {spread:.4f}  {seconds:.0f} CPU s a run", flush=True
                )


if __name__ == "__main__":
    main()
