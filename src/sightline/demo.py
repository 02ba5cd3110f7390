"""The demo's data: scikit-learn's 1,797 handwritten digits, as a folder of PNG files."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.errors import DataError, MissingExtra
from sightline.files import cannot_write


def write_digits(folder: Path) -> int:
    """Write the digits as class folders ``0`` to ``9`` of 8x8 gray PNG files.

    The images come with scikit-learn (UCI "Optical Recognition of Handwritten Digits", test part): nothing is
    fetched. The folder appears when all files are in it.

    Returns:
        How many images there are.

    Raises:
        MissingExtra: scikit-learn is not installed.
        DataError: something stands at ``folder`` already.
        RunError: the disk is full or the folder cannot be written.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415  slow to import
    except ImportError as error:
        raise MissingExtra("scikit-learn is not installed", hint='pip install "sightline[train]"') from error
    if folder.exists():
        raise DataError(f"{folder} already exists", hint="remove it, or choose another folder with --out")
    values, labels = load_digits(return_X_y=True)
    pixels = np.round(np.asarray(values).reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        for place, (image, label) in enumerate(zip(pixels, np.asarray(labels), strict=True)):
            target = part / str(label) / f"{place:04d}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(target)
        part.rename(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise cannot_write(folder, error) from error
    return len(pixels)
