"""What all readers agree on: words for the parts, and the same classes in each of them."""

from collections.abc import Collection, Mapping, Sequence

from sightline.errors import DataError, SplitError, shortened

PART_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Words for a part in folder names and split columns, in lower case; data sets write them in any case."""


def part_of(word: str) -> str | None:
    """The part that a word stands for, or ``None`` where it is no such word."""
    return PART_WORDS.get(word.strip().lower())


def require_same_classes(found: Mapping[str, Collection[str]], where: str) -> None:
    """Check that every given part holds the same classes.

    Args:
        found: class names of each part that the data set gives.
        where: the folder or file, for the message.

    Raises:
        SplitError: names the classes that are missing or unknown in each part.
    """
    whole = {name for names in found.values() for name in names}
    known = set(found["train"]) if "train" in found else whole
    faults: list[str] = []
    for part, names in found.items():
        if lacking := sorted(known - set(names)):
            faults.append(f"{part} lacks {_quoted(lacking)}")
        if extra := sorted(set(names) - known):
            faults.append(f"{part} has {_quoted(extra)}, which train lacks")
    if faults:
        raise SplitError(
            "the parts do not hold the same classes",
            where=where,
            got="; ".join(faults),
            hint="give every part the same classes, or give no parts and let the split make them",
        )


def require_two_classes(classes: Sequence[str], where: str) -> None:
    """Check that there is something to tell apart.

    Raises:
        DataError: there is one class only; names it.
    """
    if len(classes) == 1:
        raise DataError(
            f"there is only one class: {_quoted(classes)}",
            where=where,
            hint="a classifier needs at least two classes, each with images of its own",
        )


def _quoted(names: Sequence[str]) -> str:
    return shortened([repr(name) for name in names], most=20)
