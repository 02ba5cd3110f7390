"""Reading a data set and looking at every image of it, before anything else is done with it."""

import numpy as np

from sightline.config import RunConfig
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import Scan, declared, scan
from sightline.errors import DataError, shortened
from sightline.workflow.say import Say


def look_at(samples: Samples, say: Say) -> Scan:
    """Decode and hash every sample, with a bar."""
    with say.progress("looking at every image") as progress:
        return scan(samples, progress)


def faults_of(samples: Samples, facts: Scan) -> list[str]:
    """The images that cannot be decoded, each with the reason."""
    return [f"{samples.paths[index]}: {why}" for index, why in sorted(facts.faults.items())]


def take_in(config: RunConfig, say: Say) -> tuple[Samples, Scan, list[str]]:
    """Read the data; refuse damaged images, or leave them out where the settings say so.

    Returns:
        The samples, the facts about them, and the images that were left out with the reason for each.

    Raises:
        DataError: images have no label or cannot be decoded, or a class is left without any.
    """
    samples = read(config.data.path, config.data.reader, config.data.root)
    if samples.ignored:
        say.note(f"passed over {len(samples.ignored)} files that are no images: {shortened(samples.ignored)}")
    nameless = np.flatnonzero(samples.labels < 0)
    if len(nameless):
        raise DataError(
            f"{len(nameless)} of {len(samples)} images have no label",
            where=str(samples.root),
            got=shortened([samples.paths[int(index)] for index in nameless[:5]]),
            hint="give them a label or leave them out; sightline predict labels them with a trained run",
        )
    # A packed data set says itself what was found when it was packed, and each image is compared with it when read.
    facts = declared(samples) or look_at(samples, say)
    told = faults_of(samples, facts)
    if told and config.data.on_error == "stop":
        raise DataError(
            f"{len(told)} of {len(samples)} images cannot be decoded",
            where=str(samples.root),
            got=shortened(told),
            hint="repair or remove them, or leave them out with -s data.on_error=skip",
        )
    if told:
        say.note(f"left out {len(told)} images that cannot be decoded:")
        for line in told:
            say.note(f"  {line}")
        good = np.asarray([index for index in range(len(samples)) if index not in facts.faults], np.int64)
        _refuse_lost_classes(samples, good)
        samples, facts = samples.take(good), facts.take(good)
    return samples, facts, told


def _refuse_lost_classes(samples: Samples, good: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    lost = np.flatnonzero((samples.counts() > 0) & (samples.counts(good) == 0))
    if len(lost):
        names = [samples.classes[place] for place in lost]
        raise DataError("no image of these classes can be decoded", where=str(samples.root), got=shortened(names))
