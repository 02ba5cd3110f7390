"""What readers of named arrays (npz, npy, HDF5) agree on: their names, their shapes, and the labels in them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.parts import part_of, require_same_classes, require_two_classes
from sightline.data.samples import PARTS, UNASSIGNED
from sightline.errors import DataError, SplitError, shortened

IMAGES = ("images", "image", "imgs", "x", "pixels", "data")
"""Names of arrays of images, in any case, alone or with a part: ``x_train``, ``train_images``, ``train/images``."""
LABELS = ("labels", "label", "targets", "target", "y")
"""Names of arrays of labels, likewise."""
CLASSES = ("classes", "class_names", "names")
"""Names of the array of class names."""
SPLITS = ("split", "splits", "parts")
"""Names of the array that says for each image which part it is in."""
_DIGITS = 10_000


class Pair(NamedTuple):
    """Images and their labels, by the names of their arrays."""

    part: int
    images: str
    labels: str


def pairs_in(names: Iterable[str], where: str) -> list[Pair]:
    """The images with their labels among arrays of these names; those without a part alone, or one pair a part.

    Raises:
        DataError: no images, images without labels, several arrays that could be meant; names them.
    """
    images, labels = _by_part(names, IMAGES, where), _by_part(names, LABELS, where)
    if not images:
        raise DataError(
            "no array of images",
            where=where,
            got=f"arrays {shortened(sorted(names), most=12)}" if list(names) else "no arrays",
            allowed=["images and labels", "x_train, y_train, x_test, y_test", "train/images, train/labels, …"],
        )
    if UNASSIGNED in images and len(images) > 1:
        raise DataError(
            "it is not clear which part each array is", where=where, got=", ".join(images.values()),
            hint="name each of them after its part, or keep one array without a part",
        )  # fmt: skip
    lacking = [name for part, name in images.items() if part not in labels]
    if lacking:
        raise DataError(
            f"no labels for {', '.join(lacking)}", where=where, got=f"arrays {shortened(sorted(names), most=12)}",
            allowed=["labels or y, named after the part like the images: y_train, train/labels"],
        )  # fmt: skip
    return [Pair(part, images[part], labels[part]) for part in sorted(images)]


def one_of(names: Iterable[str], words: Sequence[str]) -> str | None:
    """The array that has one of these names, in any case."""
    lower = {name.lower(): name for name in names}
    return next((lower[word] for word in words if word in lower), None)


def require_images(name: str, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> None:
    """Check that an array holds 8-bit images, of one or three channels, before or after the pixels.

    Raises:
        DataError: another type or shape.
    """
    channels = len(shape) == 4 and (shape[3] in (1, 3) or shape[1] in (1, 3))
    if dtype == np.uint8 and (len(shape) == 3 or channels) and all(shape[1:]):
        return
    float_hint = "multiply by 255 and store them as uint8" if dtype.kind == "f" else "store them as uint8, 0 to 255"
    raise DataError(
        f"'{name}' does not hold images",
        where=where,
        got=f"{dtype} {list(shape)}",
        allowed=["uint8 [n, height, width]", "uint8 [n, height, width, 1 or 3]", "uint8 [n, 1 or 3, height, width]"],
        hint="" if dtype == np.uint8 else float_hint,
    )


def upright_channels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One image as ``[height, width]`` or ``[height, width, 3]``, whichever way its channels stood."""
    if image.ndim == 3 and image.shape[2] not in (1, 3):
        image = image.transpose(1, 2, 0)
    return np.ascontiguousarray(image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image)


def column_of(name: str, values: Any, where: str) -> NDArray[Any]:
    """Labels as whole numbers or text ``[n]``, from ``[n]`` or ``[n, 1]``.

    Raises:
        DataError: another type or shape.
    """
    labels = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind in "SO":
        labels = np.asarray(
            [word.decode() if isinstance(word, bytes) else str(word) for word in labels.ravel()]
        ).reshape(labels.shape)
    if labels.ndim == 1 and labels.dtype.kind in "iuU":
        return labels
    raise DataError(
        f"'{name}' does not hold labels",
        where=where,
        got=f"{labels.dtype} {list(labels.shape)}",
        allowed=["whole numbers [n] or [n, 1]", "text [n]"],
        hint="store the place of the class, not one column a class" if labels.ndim == 2 else "",
    )


def coded(
    columns: Sequence[NDArray[Any]], names: Sequence[str] | None, where: str
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Class names and the place of each label in them, over the labels of all parts in turn.

    Numbers are places in ``names``, or the digits 0 to the largest where there are none; text is sorted.

    Raises:
        DataError: numbers and text mixed, negative numbers, labels outside ``names``.
    """
    kinds = {"text" if column.dtype.kind == "U" else "numbers" for column in columns}
    if len(kinds) > 1:
        raise DataError("labels are numbers in one part and text in another", where=where)
    labels = np.concatenate([column.astype(np.int64) if column.dtype.kind in "iu" else column for column in columns])
    if kinds == {"text"}:
        found, codes = np.unique(labels, return_inverse=True)
        classes = tuple(names) if names else tuple(str(word) for word in found)
        unknown = sorted({str(word) for word in found} - set(classes))
        places = {word: place for place, word in enumerate(classes)}
        if unknown:
            raise DataError("labels outside the classes", where=where, got=shortened(unknown), allowed=classes)
        return classes, np.asarray([places[str(word)] for word in found], np.int32)[codes.reshape(-1)]
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    count = len(names) if names else high + 1
    if low < 0 or high >= count or count > max(_DIGITS, len(labels)):
        raise DataError(
            "labels outside the classes", where=where, got=f"{low} to {high}", allowed=[f"0 to {count - 1}"]
        )
    return tuple(names) if names else tuple(str(code) for code in range(count)), labels.astype(np.int32)


def parts_of(
    pairs: Sequence[Pair], counts: Sequence[int], name: str | None, words: NDArray[Any] | None, where: str
) -> NDArray[np.int8]:
    """The part of each image: by the names of the arrays, or by the array of parts called ``name``.

    Raises:
        DataError: that array has another length, or holds no text.
        SplitError: a word in it is no part.
    """
    if name is None or words is None or pairs[0].part != UNASSIGNED:
        return np.concatenate([np.full(count, pair.part, np.int8) for pair, count in zip(pairs, counts, strict=True)])
    if len(words) != counts[0]:
        raise DataError(f"{counts[0]} images and {len(words)} rows in {name}", where=where)
    if words.dtype.kind != "U":
        raise DataError(f"'{name}' does not hold parts", where=where, got=str(words.dtype), allowed=PARTS)
    return parts_from(words.tolist(), where)


def parts_from(words: Sequence[str], where: str) -> NDArray[np.int8]:
    """The parts that these words stand for.

    Raises:
        SplitError: a word is no part; names it.
    """
    found, codes = np.unique(np.asarray(words), return_inverse=True)
    unknown = [str(word) for word in found if part_of(str(word)) is None]
    if unknown:
        raise SplitError("unknown parts", where=where, got=shortened(unknown), allowed=PARTS)
    places = np.asarray([PARTS.index(part_of(str(word)) or "") for word in found], np.int8)
    return places[codes.reshape(-1)]


def require_classes(classes: Sequence[str], labels: NDArray[np.int32], parts: NDArray[np.int8], where: str) -> None:
    """Check that every part that is given holds the same classes, and that there are two at least.

    Raises:
        SplitError: the parts do not hold the same classes.
        DataError: there is one class only, or a name stands twice or is empty.
    """
    twice = sorted({name for name in classes if not name.strip() or list(classes).count(name) > 1})
    if twice:
        raise DataError("class names are repeated or empty", where=where, got=shortened([repr(name) for name in twice]))
    given = [part for part in range(len(PARTS)) if (parts == part).any()]
    used = {PARTS[part]: [classes[int(code)] for code in np.unique(labels[parts == part])] for part in given}
    if used:
        require_same_classes(used, where)
    require_two_classes([classes[int(code)] for code in np.unique(labels[labels >= 0])], where)


def read_class_names(path: Path) -> tuple[str, ...] | None:
    """The lines of ``classes.txt``; ``None`` where there is no such file.

    Raises:
        DataError: the file cannot be read.
    """
    if not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path.name}", where=str(path.parent), got=str(error)) from error
    return tuple(line.strip() for line in lines if line.strip()) or None


def _by_part(names: Iterable[str], words: Sequence[str], where: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for name in sorted(names):
        part, word = _taken_apart(name)
        if word not in words:
            continue
        if part in found:
            both = sorted((found[part], name), key=lambda one: words.index(_taken_apart(one)[1]))
            raise DataError(
                f"two arrays could be meant: {' and '.join(both)}", where=where, hint="keep one of them, or rename it"
            )
        found[part] = name
    return found


def _taken_apart(name: str) -> tuple[int, str]:
    """Part and kind of ``x_train``, ``train_images``, ``train/images`` or ``images``."""
    pieces = name.lower().strip("/").replace("/", "_").replace("-", "_").split("_")
    if len(pieces) == 2:
        for word, kind in ((pieces[0], pieces[1]), (pieces[1], pieces[0])):
            part = part_of(word)
            if part is not None:
                return PARTS.index(part), kind
    return UNASSIGNED, "_".join(pieces)
