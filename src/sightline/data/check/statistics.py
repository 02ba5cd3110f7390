"""Figures about a data set as a whole."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.facts import Facts
from sightline.data.check.labels import balance
from sightline.data.row import FORMATS, MODES
from sightline.data.samples import PARTS, UNASSIGNED


def statistics(facts: Facts) -> dict[str, Any]:
    """Sizes, kinds, colors and classes, ready for JSON. What cannot be decoded is counted and else left out."""
    samples, rows = facts.samples, facts.scan.rows[facts.sound]
    found: dict[str, Any] = {
        "images": len(samples),
        "decoded": len(rows),
        "classes": {name: int(count) for name, count in zip(samples.classes, samples.counts(), strict=True)},
        "parts": _parts(facts),
        "balance": balance(samples.counts()),
    }
    if not len(rows):
        return found
    width, height = rows["width"].astype(np.float64), rows["height"].astype(np.float64)
    found |= {
        "width": spread(width),
        "height": spread(height),
        "aspect": spread(width / height),
        "bytes": spread(rows["bytes"]),
        "formats": _counted(rows["format"], FORMATS, "array" if samples.pixels is not None else "other"),
        "modes": _counted(rows["mode"], MODES, "array" if samples.pixels is not None else "other"),
        "gray": int(rows["gray"].sum()),
        "channels": _channels(rows),
    }
    found |= {name: spread(rows[name]) for name in ("brightness", "contrast", "sharpness", "noise")}
    return found


def spread(values: NDArray[Any]) -> dict[str, float]:
    """Smallest, largest and median value."""
    return {
        "min": round(float(values.min()), 4),
        "median": round(float(np.median(values)), 4),
        "max": round(float(values.max()), 4),
    }


def _channels(rows: NDArray[np.void]) -> list[dict[str, float]]:
    """Mean, standard deviation and variance of each channel over all pixels, every image counting the same, and the
    median of the images' medians; on pixels scaled to 0-1."""
    mean, std = rows["mean"].astype(np.float64) / 255, rows["std"].astype(np.float64) / 255
    variance = (std**2).mean(axis=0) + mean.var(axis=0)
    count = 1 if rows["gray"].all() else 3
    return [
        {
            "mean": round(float(mean[:, channel].mean()), 6),
            "std": round(float(np.sqrt(variance[channel])), 6),
            "variance": round(float(variance[channel]), 6),
            "median": round(float(np.median(rows["median"][:, channel])) / 255, 6),
        }
        for channel in range(count)
    ]


def _counted(codes: NDArray[np.uint8], words: tuple[str, ...], other: str) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(words))
    return {words[code] or other: int(counts[code]) for code in np.argsort(-counts, kind="stable") if counts[code]}


def _parts(facts: Facts) -> dict[str, int]:
    parts = facts.samples.parts
    named = {name: int((parts == place).sum()) for place, name in enumerate(PARTS)}
    return named | {"unassigned": int((parts == UNASSIGNED).sum())}
