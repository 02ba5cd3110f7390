"""idx files, gzipped or not, named like those of MNIST: ``train-images-idx3-ubyte.gz`` and its labels beside it."""

import gzip
import re
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.parts import part_of, require_same_classes, require_two_classes
from sightline.data.samples import PARTS, UNASSIGNED, Names, Samples
from sightline.errors import DataError, shortened

CLASSES_FILE = "classes.txt"
"""Class names, one a line, beside the idx files."""
_NAME = re.compile(r"(?P<stem>.*?)(?P<kind>images|labels)[-._]idx(?P<axes>[13])[-._]ubyte(?:\.gz)?", re.IGNORECASE)
_UNSIGNED_BYTE = 0x08


class _Pair(NamedTuple):
    part: int
    images: Path
    labels: Path


def is_images_name(name: str) -> bool:
    """Whether a file name is that of an idx file with images."""
    match = _NAME.fullmatch(name)
    return match is not None and (match["kind"].lower(), match["axes"]) == ("images", "3")


def read_idx(path: Path) -> Samples:
    """Samples with their pixels from a folder of idx files, or from one file of images with its labels beside it.

    ``train-…`` is the train part, ``t10k-…`` or ``test-…`` the test part, ``val-…`` the val part. Classes are called
    0, 1, … to the largest label, or as the lines of ``classes.txt`` say. Samples are called ``file#row``.

    Raises:
        DataError: a file is damaged, cut or missing, or the files do not fit one another; names it.
        SplitError: the parts do not hold the same classes.
    """
    folder = path if path.is_dir() else path.parent
    pairs = _pairs(folder, [path] if path.is_file() else sorted(folder.iterdir()))
    if not pairs:
        raise DataError(f"no idx files in {path}", allowed=["train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz"])
    pixels = [_read(pair.images, 3) for pair in pairs]
    labels = [_read(pair.labels, 1) for pair in pairs]
    _require_fit(pairs, pixels, labels)
    classes = _classes(folder, int(max(column.max() for column in labels)) + 1)
    _require_classes(folder, pairs, [np.unique(column).tolist() for column in labels], classes)
    known = {file.name for pair in pairs for file in (pair.images, pair.labels)} | {CLASSES_FILE}
    return Samples(
        root=folder,
        paths=Names.of(
            f"{pair.images.name}#{row:05d}"
            for pair, column in zip(pairs, labels, strict=True)
            for row in range(len(column))
        ),
        labels=np.concatenate(labels).astype(np.int32),
        classes=classes,
        parts=np.concatenate(
            [np.full(len(column), pair.part, np.int8) for pair, column in zip(pairs, labels, strict=True)]
        ),
        pixels=np.concatenate(pixels),
        format="idx",
        ignored=tuple(sorted(file.name + "/" * file.is_dir() for file in folder.iterdir() if file.name not in known)),
    )


def _pairs(folder: Path, files: list[Path]) -> list[_Pair]:
    """Images, their labels and their part, in the order of the file names."""
    beside = {file.name: match for file in folder.iterdir() if (match := _NAME.fullmatch(file.name))}
    pairs: dict[int, _Pair] = {}
    # An unpacked file stands for its gzipped copy, which sorts after it.
    for images in files:
        if not is_images_name(images.name):
            continue
        stem = beside[images.name]["stem"].lower()
        part = _part(stem)
        labels = sorted(
            name
            for name, match in beside.items()
            if match["stem"].lower() == stem and (match["kind"].lower(), match["axes"]) == ("labels", "1")
        )
        if not labels:
            wanted = re.sub("images([-._])idx3", r"labels\1idx1", images.name, flags=re.IGNORECASE)
            raise DataError(f"the labels of {images.name} are missing", where=str(folder), allowed=[wanted])
        known = pairs.setdefault(part, _Pair(part, images, folder / labels[0]))
        if beside[known.images.name]["stem"].lower() != stem:
            raise DataError(
                f"two data sets in one folder: {known.images.name} and {images.name}",
                where=str(folder),
                hint="give one of the files, or keep one data set per folder",
            )
    if UNASSIGNED in pairs and len(pairs) > 1:
        names = [pair.images.name for pair in pairs.values()]
        raise DataError(
            f"it is not clear which part each file is: {', '.join(names)}",
            where=str(folder),
            allowed=["train-images…", "val-images…", "t10k-images… or test-images…"],
        )
    return list(pairs.values())


def _part(stem: str) -> int:
    word = re.split(r"[-_. ]", stem.strip("-_. "))[-1]
    part = "test" if word == "t10k" else part_of(word)
    return UNASSIGNED if part is None else PARTS.index(part)


def _read(path: Path, axes: int) -> NDArray[np.uint8]:
    """The array in an idx file: four bytes of magic, the big-endian lengths of the axes, then the values.

    The format is that of the MNIST database (LeCun, Cortes, Burges, 1998).
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            head = file.read(4 + 4 * axes)
            magic, lengths = head[:4], np.frombuffer(head[4 : len(head) // 4 * 4], ">u4").tolist()
            if magic != bytes([0, 0, _UNSIGNED_BYTE, axes]) or len(lengths) != axes:
                raise DataError(
                    f"{path.name} is no idx file of {'images' if axes == 3 else 'labels'}",
                    where=str(path.parent),
                    got=f"first bytes {magic.hex(' ')}",
                    allowed=[bytes([0, 0, _UNSIGNED_BYTE, axes]).hex(" ")],
                )
            size, content = int(np.prod(lengths, dtype=object)), bytearray()
            while block := file.read(min(1 << 22, size + 1 - len(content))):
                content += block
    except (EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path.name} is cut or damaged", where=str(path.parent), got=str(error)) from error
    if len(content) != size:
        raise DataError(
            f"{path.name} is cut or damaged",
            where=str(path.parent),
            got=f"{'more than ' if len(content) > size else ''}{min(len(content), size)} bytes of content",
            allowed=[f"{' x '.join(map(str, lengths))} = {size} bytes, as its head says"],
        )
    return np.frombuffer(content, np.uint8).reshape(lengths)


def _require_fit(pairs: list[_Pair], pixels: list[NDArray[np.uint8]], labels: list[NDArray[np.uint8]]) -> None:
    for pair, images, column in zip(pairs, pixels, labels, strict=True):
        if len(images) != len(column):
            raise DataError(
                f"{len(images)} images and {len(column)} labels",
                where=f"{pair.images.name}, {pair.labels.name} in {pair.images.parent}",
            )
        if not images.size:
            raise DataError(f"no images in {pair.images}", got=f"an array of {list(images.shape)}")
        if images.shape[1:] != pixels[0].shape[1:]:
            raise DataError(
                "the parts hold images of different sizes",
                where=str(pair.images.parent),
                got=f"{list(pixels[0].shape[1:])} in {pairs[0].images.name}, "
                f"{list(images.shape[1:])} in {pair.images.name}",
            )


def _require_classes(folder: Path, pairs: list[_Pair], used: list[list[int]], classes: tuple[str, ...]) -> None:
    names = [[classes[code] for code in codes] for codes in used]
    if pairs[0].part != UNASSIGNED:
        require_same_classes({PARTS[pair.part]: found for pair, found in zip(pairs, names, strict=True)}, str(folder))
    require_two_classes(sorted({name for found in names for name in found}), str(folder))


def _classes(folder: Path, count: int) -> tuple[str, ...]:
    """Names for the labels 0 to ``count - 1``: the lines of ``classes.txt``, or the digits."""
    path = folder / CLASSES_FILE
    if not path.is_file():
        return tuple(str(code) for code in range(count))
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {CLASSES_FILE}", where=str(folder), got=str(error)) from error
    names = [line.strip() for line in lines if line.strip()]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if len(names) != count or repeated:
        raise DataError(
            f"{CLASSES_FILE} does not fit the labels",
            where=str(folder),
            got=f"repeated names: {shortened(repeated)}" if repeated else f"{len(names)} names",
            allowed=[f"{count} different names, one a line, for the labels 0 to {count - 1}"],
            hint=f"put one line per label into {CLASSES_FILE}, or remove it to use the digits as names",
        )
    return tuple(names)
