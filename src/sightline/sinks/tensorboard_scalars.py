"""From a record to the scalars that TensorBoard shows."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

_UNTOLD = frozenset({"kind", "step", "images", "best", "val_n", "seen_n"})
_OF_LAYERS = ("weight_norm", "gradient_norm", "update_ratio", "std", "zeros", "dead", "saturated")
_PARTS = ("val", "seen")


def scalars_of(record: dict[str, Any], shares: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Name and value of each scalar of a record.

    Args:
        record: as ``Record.plain`` gives it.
        shares: of the learning rate, by the name of a group of parameters, where there are several.
    """
    if record["kind"] == "look":
        yield from _of_look(record)
        return
    for key, value in record.items():
        part = key.partition("_")[0]
        if key in _UNTOLD or isinstance(value, str | list) or value is None:
            continue
        if record["kind"] == "step":
            yield f"train/{key}", value
        elif part in _PARTS:
            yield f"{part}/{key.removeprefix(f'{part}_')}", value
    if record["kind"] == "step":
        if record.get("seconds"):
            yield "train/images_per_second", record["images"] / record["seconds"]
        yield from ((f"lr/{name}", record["lr"] * share) for name, share in shares.items())


def _of_look(record: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Figures by layer, those of the whole network, and what a probe of the user's own found."""
    figures = record["figures"]
    for name, row in zip(record["layers"], record["table"], strict=True):
        found = dict(zip(figures, row, strict=True))
        yield from ((f"{figure}/{name}", found[figure]) for figure in _OF_LAYERS if found.get(figure) is not None)
    columns = {figure: [row[place] for row in record["table"]] for place, figure in enumerate(figures)}
    sizes, slopes, ratios = (columns[figure] for figure in ("weight_norm", "gradient_norm", "update_ratio"))
    yield "train/gradient_norm", math.hypot(*(slope for slope in slopes if slope is not None))
    changes = [
        ratio * size for ratio, size in zip(ratios, sizes, strict=True) if ratio is not None and size is not None
    ]
    whole = math.hypot(*(size for size in sizes if size is not None))
    if whole:
        yield "train/update_ratio", math.hypot(*changes) / whole
    yield from ((key, value) for key, value in record.items() if key.startswith("probe/") and value is not None)
