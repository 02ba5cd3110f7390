"""Pack a data set into few large files."""

import json
import re
from pathlib import Path
from typing import Any

from sightline.config_file import load
from sightline.data.pack import PACKERS, pack
from sightline.data.samples import PARTS
from sightline.errors import ConfigError
from sightline.workflow.intake import take_in
from sightline.workflow.say import Say

SHARD_SIZE = "256MB"
"""Size of a shard where none is given."""
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def pack_data(
    data: str,
    *,
    to: str,
    out: Path,
    settings: list[str] | None = None,
    shard_size: str | None = None,
    say: Say | None = None,
) -> dict[str, Any]:
    """Write a data set as tar shards or LMDB; the images keep their bytes, and everything known of them is kept.

    Args:
        data: anything that ``read`` takes.
        to: ``webdataset`` or ``lmdb``.
        out: folder to write; must not exist, or be empty.
        settings: ``seed=…`` and ``data.…=…`` words.
        shard_size: of ``webdataset``: ``256MB``, ``1GB``, …
        say: where notes go.

    Returns:
        What was written: ``out``, ``to``, ``images``, ``classes``, ``parts``, ``files``, ``bytes``.

    Raises:
        ConfigError: a container or a size that is not known.
        DataError: the data cannot be read.
        RunError: the folder holds something, or the disk is full; nothing is left behind.
    """
    say = say or Say(quiet=True)
    if to not in PACKERS:
        raise ConfigError(f"unknown container '{to}'", where="--to", allowed=PACKERS)
    if shard_size is not None and to != "webdataset":
        raise ConfigError(f"--shard-size has no effect: {to} is one file", where="--shard-size", got=shard_size)
    most = _bytes_of(shard_size or SHARD_SIZE)
    config = load(None, [*(settings or []), f"data.path={json.dumps(data)}"]).config
    taken = take_in(config, say)
    samples, facts = taken.samples, taken.facts
    with say.progress("packing") as progress:
        packed = pack(samples, facts, to=to, out=out, shard_bytes=most, seed=config.seed, progress=progress)
    counts = {part: len(samples.part(part)) for part in PARTS}
    return {
        "out": str(out),
        "to": to,
        "images": len(samples),
        "classes": len(samples.classes),
        "parts": {part: count for part, count in counts.items() if count},
        "files": packed.files,
        "bytes": packed.bytes,
    }


def _bytes_of(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B?)", text.strip().upper())
    unit = "" if match is None or match[2] in ("", "B") else match[2].removesuffix("B") + "B"
    size = 0 if match is None else int(float(match[1]) * _UNITS[unit])
    if size < 1:
        raise ConfigError("not a size", where="--shard-size", got=text, allowed=["256MB", "1GB", "500000"])
    return size
