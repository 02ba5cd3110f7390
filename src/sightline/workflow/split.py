"""Freeze a split before any training."""

from pathlib import Path

from sightline.config_file import load
from sightline.data.read import read
from sightline.data.samples import PARTS
from sightline.data.scan import scan
from sightline.data.split import split, write_split
from sightline.errors import DataError, shortened
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
    config = load(None, settings or []).config
    samples = read(data, config.data.reader, config.data.root)
    with say.progress("looking at every image") as progress:
        facts = scan(samples, progress)
    if facts.faults:
        told = [f"{samples.paths[index]}: {why}" for index, why in sorted(facts.faults.items())]
        raise DataError(
            f"{len(told)} of {len(samples)} images cannot be decoded", where=str(samples.root), got=shortened(told),
            hint="repair or remove them",
        )  # fmt: skip
    samples = split(samples, val=config.data.val, test=config.data.test, seed=config.seed)
    write_split(out, samples, facts)
    counts = {part: samples.counts(samples.part(part)) for part in PARTS}
    return {name: {part: int(counts[part][k]) for part in PARTS} for k, name in enumerate(samples.classes)}
