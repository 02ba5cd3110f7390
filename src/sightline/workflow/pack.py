"""Pack a data set into few large files."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from sightline.config import RunConfig
from sightline.config_file import resolve
from sightline.data.cache import packed as packed_hashes
from sightline.data.cache_build import build_cache
from sightline.data.kept import Form
from sightline.data.pack import PACKERS, pack
from sightline.data.samples import PARTS, Samples
from sightline.errors import ConfigError
from sightline.task.names import kind_of
from sightline.workflow.balance import training_part
from sightline.workflow.intake import take_in
from sightline.workflow.prepare import settle_view
from sightline.workflow.say import Say
from sightline.workflow.source import training_form
from sightline.workflow.watching import seen_part, settle_seen
from sightline.workflow.wishes import Settings, loaded_from, refuse_unheeded

CACHE = "cache"
"""Names kept pixels in the place of a container."""
SHARD_SIZE = "256MB"
"""Size of a shard where none is given."""
_READING = ("task.name", *(f"data.{name}" for name in ("reader", "root", "exclude", "check", "on_error", "max_pixels")))
SETTINGS = {"webdataset": ("seed", *_READING), "lmdb": _READING}
"""Settings that packing into a container heeds; for ``cache`` they are those of a training."""
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def pack_data(
    data: str | Path,
    *,
    to: str,
    out: str | Path,
    settings: Settings | None = None,
    shard_size: str | None = None,
    say: Say | None = None,
) -> dict[str, Any]:
    """Write a data set as tar shards or LMDB; the images keep their bytes, and everything known of them is kept.

    Or keep the pixels that a training with the same settings needs, for ``data.cache``.

    Args:
        data: anything that ``read`` takes.
        to: ``webdataset``, ``lmdb`` or ``cache``.
        out: folder to write; must not exist, or be empty; pixels may be added to those of a cache.
        settings: values by dotted path, or ``key=value`` words; see ``SETTINGS``. For ``cache`` any that ``train``
            takes, so that the same words can be given to both, but ``data.cache``.
        shard_size: of ``webdataset``: ``256MB``, ``1GB``, …
        say: where notes go.

    Returns:
        What was written: ``out``, ``to``, ``images``, ``classes``, ``parts``, ``files``, ``bytes``.

    Raises:
        ConfigError: a container or a size that is not known, or a setting that does nothing here.
        DataError: the data cannot be read.
        RunError: the folder holds something, or the disk is full; nothing is left behind.
    """
    say, out = say or Say(quiet=True), Path(out)
    if to not in (*PACKERS, CACHE):
        raise ConfigError(f"unknown container '{to}'", where="--to", allowed=[*PACKERS, CACHE])
    if shard_size is not None and to != "webdataset":
        raise ConfigError(f"--shard-size has no effect: {to} has no shards", where="--shard-size", got=shard_size)
    most = _bytes_of(shard_size or SHARD_SIZE)
    loaded = loaded_from(data, None, settings)
    config = loaded.config
    if to == CACHE:
        return _keep(config, loaded.origins, out, say)
    if kind_of(config.task.name) != "class":
        raise ConfigError(
            f"{to} holds one class an image", where="--to", got=f"task.name={config.task.name}",
            hint="keep the CSV and the images; --to cache keeps their pixels for a training",
        )  # fmt: skip
    refuse_unheeded(loaded, SETTINGS[to], "packing only reads the data, and writes it as it is")
    taken = take_in(config, say)
    samples, facts = taken.samples, taken.facts
    with say.progress("packing") as progress:
        packed = pack(samples, facts, to=to, out=out, shard_bytes=most, seed=config.seed, progress=progress)
    return _written(samples, to, out, packed.files, packed.bytes)


def _keep(config: RunConfig, origins: dict[str, str], out: Path, say: Say) -> dict[str, Any]:
    """The pixels of the training and the validation part, as ``train`` keeps them."""
    if origins.get("data.cache") == "flag":
        raise ConfigError(
            "data.cache has no effect: the pixels go to --out", where="-s data.cache", got=config.data.cache,
            hint="leave it out",
        )  # fmt: skip
    view = settle_view(resolve(config, {"data.cache": str(out)}), origins, say)
    samples, hashes, settling = view.samples, packed_hashes(view.facts.rows["sha256"]), view.settling
    images = len(training_part(samples, settling.config))
    settling.choose_training(images)
    settle_seen(settling, samples, images)
    judged = np.union1d(samples.part("val"), seen_part(samples, settling.config))
    indices = {"train": samples.part("train"), "val": judged}
    forms = {"train": training_form(settling.config, view.contract), "val": Form(view.contract)}
    for part, wanted in forms.items():
        with say.progress(f"decoding {part}") as progress:
            build_cache(
                samples, view.contract, side=wanted.side, hashes=hashes, indices=indices[part],
                folder=out.absolute(), progress=progress,
            )  # fmt: skip
    files = [path for key in {form.key for form in forms.values()} for path in (out / key).glob("*.u8")]
    return _written(samples, CACHE, out, len(files), sum(path.stat().st_size for path in files))


def _written(samples: Samples, to: str, out: Path, files: int, size: int) -> dict[str, Any]:
    counts = {part: len(samples.part(part)) for part in (PARTS[:2] if to == CACHE else PARTS)}
    return {
        "out": str(out),
        "to": to,
        "images": sum(counts.values()) if to == CACHE else len(samples),
        "classes": len(samples.classes),
        "parts": {part: count for part, count in counts.items() if count},
        "files": files,
        "bytes": size,
    }


def _bytes_of(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B?)", text.strip().upper())
    unit = "" if match is None or match[2] in ("", "B") else match[2].removesuffix("B") + "B"
    size = 0 if match is None else int(float(match[1]) * _UNITS[unit])
    if size < 1:
        raise ConfigError("not a size", where="--shard-size", got=text, allowed=["256MB", "1GB", "500000"])
    return size
