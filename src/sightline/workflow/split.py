"""Freeze a split before any training."""

import json
from pathlib import Path

from sightline.config_file import load
from sightline.data.samples import PARTS
from sightline.data.split import split, write_split
from sightline.workflow.intake import take_in
from sightline.workflow.say import Say


def split_data(
    data: str, *, settings: list[str] | None = None, out: Path, say: Say | None = None
) -> dict[str, dict[str, int]]:
    """Divide a data set and write the result as CSV.

    Args:
        data: folder, archive, CSV or idx folder.
        settings: ``seed=…`` and ``data.…=…`` words.
        out: the CSV to write, with path, label, part and checksum.
        say: where notes go.

    Returns:
        For each class how many images each part got.

    Raises:
        DataError: images cannot be decoded.
        SplitError: the parts cannot be made.
    """
    say = say or Say(quiet=True)
    config = load(None, [*(settings or []), f"data.path={json.dumps(data)}"]).config
    taken = take_in(config, say)
    samples = split(taken.samples, val=config.data.val, test=config.data.test, seed=config.seed)
    write_split(out, samples, taken.facts)
    counts = {part: samples.counts(samples.part(part)) for part in PARTS}
    return {name: {part: int(counts[part][k]) for part in PARTS} for k, name in enumerate(samples.classes)}
