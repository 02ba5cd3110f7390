"""Data of the hospital's patients: the real handwritten digits, with labels and parts that a disease asks for."""

import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.demo import write_digits

Row = tuple[str, str, str]
"""Path, label, part."""
Ward = Callable[[Path, int], Path]
"""(folder for data, seed) -> what is trained on."""
VAL, TEST = 400, 200


def digits(folder: Path, _: int = 0) -> Path:
    """1,797 digits in class folders."""
    if not (folder / "digits").exists():
        write_digits(folder / "digits")
    return folder / "digits"


def rows_of(folder: Path, seed: int) -> list[Row]:
    """The digits with parts: 400 for validation, 200 for the test, the others for training."""
    root = digits(folder)
    paths = sorted(root.glob("*/*.png"))
    order = np.random.default_rng(seed).permutation(len(paths))
    parts = {
        int(place): "val" if turn < VAL else "test" if turn < VAL + TEST else "train"
        for turn, place in enumerate(order)
    }
    return [(str(path), path.parent.name, parts[place]) for place, path in enumerate(paths)]


def table(folder: Path, name: str, rows: Sequence[Row]) -> Path:
    """A CSV of these rows."""
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "part"))
        writer.writerows(rows)
    return path


def relabeled(share: float, parts: Sequence[str]) -> Ward:
    """A share of the labels of some parts is drawn anew."""

    def ward(folder: Path, seed: int) -> Path:
        random = np.random.default_rng(seed)
        rows = [
            (path, str(random.integers(10)) if part in parts and random.random() < share else label, part)
            for path, label, part in rows_of(folder, seed)
        ]
        return table(folder, f"relabeled-{share}-{'-'.join(parts)}-{seed}", rows)

    return ward


def rare(count: int, classes: Sequence[str]) -> Ward:
    """Only so many training images of some classes; validation and test stay as they are."""

    def ward(folder: Path, seed: int) -> Path:
        kept: list[Row] = []
        left = dict.fromkeys(classes, count)
        for row in rows_of(folder, seed):
            if row[2] == "train" and row[1] in left:
                if not left[row[1]]:
                    continue
                left[row[1]] -= 1
            kept.append(row)
        return table(folder, f"rare-{count}-{''.join(classes)}-{seed}", kept)

    return ward


def copied(share: float) -> Ward:
    """A share of the validation images lies in the training part too, under another name."""

    def ward(folder: Path, seed: int) -> Path:
        rows = rows_of(folder, seed)
        val = [row for row in rows if row[2] == "val"]
        (folder / f"copies-{seed}").mkdir(exist_ok=True)
        for number, (path, label, _) in enumerate(val[: round(share * len(val))]):
            other = folder / f"copies-{seed}" / f"{number}.png"
            shutil.copy(path, other)
            rows.append((str(other), label, "train"))
        return table(folder, f"copied-{share}-{seed}", rows)

    return ward


def enlarged(side: int) -> Ward:
    """The digits as pictures of so many pixels, which take their time to decode and to make small again."""

    def ward(folder: Path, seed: int) -> Path:
        rows: list[Row] = []
        for path, label, part in rows_of(folder, seed):
            new = folder / f"enlarged-{side}" / label / Path(path).name
            if not new.exists():
                new.parent.mkdir(parents=True, exist_ok=True)
                Image.open(path).resize((side, side), Image.Resampling.BICUBIC).save(new)
            rows.append((str(new), label, part))
        return table(folder, f"enlarged-{side}-{seed}", rows)

    return ward


def some(classes: Sequence[str]) -> Ward:
    """Some of the classes only."""

    def ward(folder: Path, seed: int) -> Path:
        return table(
            folder, f"some-{''.join(classes)}-{seed}", [row for row in rows_of(folder, seed) if row[1] in classes]
        )

    return ward


def parity(folder: Path, seed: int) -> Path:
    """Odd or even."""
    rows = [(path, "even" if int(label) % 2 == 0 else "odd", part) for path, label, part in rows_of(folder, seed)]
    return table(folder, f"parity-{seed}", rows)


def small_validation(count: int) -> Ward:
    """Only so many validation images, of each class as many."""

    def ward(folder: Path, seed: int) -> Path:
        rows = rows_of(folder, seed)
        val, random = [row for row in rows if row[2] == "val"], np.random.default_rng(seed)
        classes = sorted({row[1] for row in val})
        kept = set[str]()
        for name in classes:
            own = [row[0] for row in val if row[1] == name]
            kept |= {own[place] for place in random.permutation(len(own))[: count // len(classes)]}
        return table(folder, f"small-{count}-{seed}", [row for row in rows if row[2] != "val" or row[0] in kept])

    return ward


def mistaken(name: str, other: str) -> Ward:
    """All but one training image of a class are labeled as another."""

    def ward(folder: Path, seed: int) -> Path:
        rows, kept = rows_of(folder, seed), False
        for place, (path, label, part) in enumerate(rows):
            if label == name and part == "train":
                rows[place] = (path, other if kept else label, part)
                kept = True
        return table(folder, f"mistaken-{name}-{other}-{seed}", rows)

    return ward


def overwritten(share: float, name: str) -> Ward:
    """A share of the training labels is replaced with one class."""

    def ward(folder: Path, seed: int) -> Path:
        random = np.random.default_rng(seed)
        rows = [
            (path, name if part == "train" and random.random() < share else label, part)
            for path, label, part in rows_of(folder, seed)
        ]
        return table(folder, f"overwritten-{share}-{name}-{seed}", rows)

    return ward


PROPERTIES = {"even": "02468", "prime": "2357", "large": "56789", "closed": "0689"}
"""What may be said of a digit."""


def properties(folder: Path, seed: int) -> Path:
    """What each digit is, of several properties: it has none of them, or some."""
    rows = [
        (path, "|".join(name for name, of in PROPERTIES.items() if label in of), part)
        for path, label, part in rows_of(folder, seed)
    ]
    return table(folder, f"properties-{seed}", rows)


def values(folder: Path, seed: int) -> Path:
    """Each digit's value, as a number to be told."""
    return table(folder, f"values-{seed}", rows_of(folder, seed))


def given(path: Path) -> Ward:
    """Data that lie on this machine."""
    return lambda _, __: path


def common(path: Path) -> Ward:
    """Of a folder of class folders those with at least half as many images as the largest: a class that is rare, and
    the worse recognized for it, is an illness of its own."""

    def ward(folder: Path, _: int) -> Path:
        classes = {one.name: sorted(one.iterdir()) for one in sorted(path.iterdir()) if one.is_dir()}
        most = max(map(len, classes.values()))
        chosen = folder / f"common-{path.name}"
        for name, images in classes.items():
            if len(images) >= most / 2 and not (chosen / name).exists():
                (chosen / name).mkdir(parents=True)
                for image in images:
                    (chosen / name / image.name).symlink_to(image.resolve())
        return chosen

    return ward
