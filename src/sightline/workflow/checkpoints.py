"""The checkpoints of a run: what is there, and in which form."""

import dataclasses
from pathlib import Path

from sightline.errors import CheckpointError, ConfigError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.workflow.say import Say

FORMS = ("whole",)
"""What checkpoints can be turned into."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """One checkpoint of a run."""

    file: str
    step: int
    form: str
    """``whole`` or ``sharded``."""
    good: bool
    """Whether its checksum is that of the index."""
    names: tuple[str, ...]
    """``last``, ``best``, both or neither."""


def checkpoints_of(run: Path) -> list[Seen]:
    """Every checkpoint of a run, oldest first, with its checksum verified.

    Raises:
        RunError: there is no run.
        CheckpointError: the index is damaged.
    """
    checkpoints = Checkpoints(Run.open(run).checkpoints)
    found: list[Seen] = []
    for entry in checkpoints.entries():
        names = tuple(name for name in ("last", "best") if checkpoints.names(name) == entry.file)
        form = "whole" if entry.file.endswith(".pt") else "sharded"
        found.append(Seen(entry.file, entry.step, form, checkpoints.is_good(entry), names))
    return found


def convert_checkpoints(run: Path, to: str, say: Say) -> list[str]:
    """Turn every sharded checkpoint of a run into one file, which any number of processes can go on from.

    Args:
        run: the run folder; nobody may be training in it.
        to: ``whole``.
        say: where notes go.

    Returns:
        The names of the files that were made.

    Raises:
        ConfigError: there is no such form.
        RunError: there is no run, it is in use, or the disk is full; what was there before still counts.
        CheckpointError: one is damaged; those before it are converted.
    """
    if to not in FORMS:
        raise ConfigError(f"unknown form '{to}'", where="--to", allowed=FORMS)
    here = Run.open(run)
    made: list[str] = []
    with here.locked():
        checkpoints = Checkpoints(here.checkpoints)
        for entry in checkpoints.entries():
            if entry.file.endswith(".pt"):
                continue
            if not checkpoints.is_good(entry):
                raise CheckpointError(
                    f"the checkpoint {entry.file} is damaged or missing", where=str(here.checkpoints),
                    hint=f"sightline resume {run} goes on from the last good one",
                )  # fmt: skip
            new = checkpoints.write_whole(checkpoints.load(entry), entry.step)
            checkpoints.replace(entry, new)
            say.note(f"{entry.file} is now {new.file}")
            made.append(new.file)
    return made
