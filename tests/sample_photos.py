"""Real photos for the documentation's commands: small pieces of the two that come with scikit-learn."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

CLASSES = ("flower", "temple")
SIDE = 16
EACH = 60


def write_photos(folder: Path) -> None:
    """The files that README and docs talk about: ``photos/``, ``photos.csv`` and ``my-picture.jpg``."""
    sample = load_sample_images()
    pictures = {Path(name).name: image for name, image in zip(sample.filenames, sample.images, strict=True)}
    random = np.random.default_rng(0)
    rows = ["path,label,split"]
    for name, file in zip(CLASSES, ("flower.jpg", "china.jpg"), strict=True):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(EACH):
            piece = _piece(pictures[file], random)
            piece.save(folder / "photos" / name / f"{number:02d}.jpg", quality=92)
            part = ("train", "train", "train", "val", "test")[number % 5]
            rows.append(f"photos/{name}/{number:02d}.jpg,{name},{part}")
    (folder / "photos.csv").write_text("\n".join(rows) + "\n")
    _piece(pictures["flower.jpg"], random).save(folder / "my-picture.jpg", quality=92)


def _piece(picture: np.ndarray, random: np.random.Generator) -> Image.Image:
    height, width = picture.shape[:2]
    top, left = int(random.integers(0, height - 160)), int(random.integers(0, width - 160))
    return Image.fromarray(picture[top : top + 160, left : left + 160]).resize((SIDE, SIDE))
