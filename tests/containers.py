"""Small data sets in every container, made with the containers' own libraries."""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (8, 6)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def encoded(seed: int, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(seed)).save(buffer, form)
    return buffer.getvalue()


def write_tar(path: Path, members: Sequence[tuple[str, bytes]]) -> Path:
    """A tar of these files, in this order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, raw in members:
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return path


def write_shard(path: Path, labels: Sequence[Any], first: int = 0, field: str = "cls") -> Path:
    """A shard of one sample a label, called ``s0``, ``s1``, …"""
    members: list[tuple[str, bytes]] = []
    for number, label in enumerate(labels, first):
        about = str(label) if field == "cls" else json.dumps(label if isinstance(label, dict) else {"label": label})
        members += [(f"s{number}.png", encoded(number)), (f"s{number}.{field}", about.encode())]
    return write_tar(path, members)


def write_hdf5(path: Path, sets: Mapping[str, Any], attributes: Mapping[str, Any] | None = None) -> Path:
    """An HDF5 file; lists of bytes become variable-length rows of uint8."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in sets.items():
            if isinstance(values, list) and isinstance(values[0], bytes):
                rows = file.create_dataset(name, (len(values),), h5py.vlen_dtype(np.uint8))
                for row, raw in enumerate(values):
                    rows[row] = np.frombuffer(raw, np.uint8)
            else:
                file[name] = values
        file.attrs.update(attributes or {})
    return path


def write_hub_folder(path: Path, parts: Mapping[str, Sequence[int]], names: Sequence[str] = ("cat", "dog")) -> Path:
    """What ``save_to_disk`` writes, with an Image and a ClassLabel column; part ``""`` makes one table of it."""
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(names))})
    tables = {}
    for offset, (part, labels) in enumerate(parts.items()):
        images = [{"bytes": encoded(100 * offset + row), "path": None} for row in range(len(labels))]
        tables[part] = datasets.Dataset.from_dict({"image": images, "label": list(labels)}, features=features)
    datasets.disable_progress_bars()
    (tables[""] if "" in tables else datasets.DatasetDict(tables)).save_to_disk(str(path))
    return path
