"""Rules about files: damage, names, kinds, sizes."""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.facts import Facts, Rule, about
from sightline.data.row import FORMATS, KINDS
from sightline.data.split import written
from sightline.errors import shortened
from sightline.findings import Finding

NARROW = 5.0
"""Longer side over shorter side from which a picture is narrow: a square crop shows a fifth of it."""
TINY = 8
"""Shorter side in pixels below which there is hardly a picture; also a quarter of the usual one, where that is less
than ``SMALL``."""
SMALL = 64
"""Shorter side in pixels from which a picture is never called tiny."""

SKIP = "repair or remove them, or leave them out with -s data.on_error=skip"
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "DIB": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "TGA": (".tga",),
    "JPEG2000": (".jp2",),
    "AVIF": (".avif",),
}
"""Endings of files with each content."""


def _fault(kind: str, what: tuple[str, str], remedy: str) -> Rule:
    """A rule about files that the pass over them could not decode for one reason."""

    def rule(facts: Facts) -> Iterator[Finding]:
        places = np.flatnonzero(facts.scan.rows["fault"] == KINDS.index(kind))
        reasons = Counter(facts.scan.faults[int(place)] for place in places)
        name = "pixels.range" if kind == "range" else f"files.{'damaged' if kind == 'unknown' else kind}"
        told = f"{shortened(list(reasons), most=3)}; {remedy}" if kind not in ("empty", "truncated") else remedy
        yield from about(facts, places, rule=name, severity="error", what=what, remedy=told, reasons=dict(reasons))

    return rule


empty = _fault("empty", ("file is empty", "files are empty"), SKIP)
truncated = _fault("truncated", ("file is truncated", "files are truncated"), SKIP)
no_image = _fault("unknown", ("file is no image", "files are no images"), SKIP)
damaged = _fault("damaged", ("file cannot be decoded", "files cannot be decoded"), SKIP)
unreadable = _fault(
    "unreadable", ("file cannot be read", "files cannot be read"), "check that the files are there and may be read"
)
large = _fault(
    "large",
    ("file has too many pixels", "files have too many pixels"),
    "make them smaller, raise data.max_pixels where they are sound, or leave them out with -s data.on_error=skip",
)
no_range = _fault(
    "range",
    ("image holds pixels without an agreed range", "images hold pixels without an agreed range"),
    "convert them to 8 or 16 bits a channel, or leave them out with -s data.on_error=skip",
)


def damage(facts: Facts) -> Iterator[Finding]:
    """Files that are no images or break a decoder."""
    yield from no_image(facts)
    yield from damaged(facts)


def ignored(facts: Facts) -> Iterator[Finding]:
    """Files and folders that are no images, or lie where no class is."""
    paths = tuple(written(name) for name in facts.samples.ignored)
    if paths:
        count = len(paths)
        yield Finding(
            rule="files.ignored",
            severity="note",
            message=f"{count:,} {'files or folders are' if count > 1 else 'file is'} no image and passed over: "
            f"{shortened(paths, most=3)}",
            remedy="nothing, unless one of them should be an image",
            paths=paths,
            evidence={"count": count},
        )


def wrong_suffix(facts: Facts) -> Iterator[Finding]:
    """Files whose name says another format than their content has."""
    codes = facts.scan.rows["format"]
    wrong = np.zeros(len(codes), np.bool_)
    for place in facts.where(codes > 0):
        right = SUFFIXES.get(FORMATS[int(codes[place])])
        wrong[place] = right is not None and PurePosixPath(facts.samples.paths[int(place)]).suffix.lower() not in right
    yield from about(
        facts, np.flatnonzero(wrong), rule="files.suffix", severity="note",
        what=("file has another content than its ending says", "files have another content than their endings say"),
        remedy="nothing here: the content decides. Rename them if other programs read them too",
    )  # fmt: skip


def animated(facts: Facts) -> Iterator[Finding]:
    """Files with several pictures."""
    yield from about(
        facts, facts.where(facts.scan.rows["frames"] > 1), rule="files.animated", severity="warning", leave_out=False,
        what=("file holds several pictures", "files hold several pictures"),
        remedy="only the first picture is used; save the others as files of their own if they matter",
    )  # fmt: skip


def narrow(facts: Facts) -> Iterator[Finding]:
    """Pictures that are far longer than wide, or the other way round."""
    yield from about(
        facts, facts.where(_aspect(facts) >= NARROW), rule="files.narrow", severity="warning",
        what=(f"image is {NARROW:g} times longer than wide, or more", f"images are {NARROW:g} times longer than wide, "
              "or more"),
        remedy="a square crop shows little of them: cut them up, set data.resize=pad, or leave them out",
        limit=NARROW,
    )  # fmt: skip


def tiny(facts: Facts) -> Iterator[Finding]:
    """Pictures with hardly any pixels, or far fewer than the others."""
    rows, sound = facts.scan.rows, facts.sound
    if not len(sound):
        return
    shorter = np.minimum(rows["width"], rows["height"])
    limit = max(TINY, min(SMALL, float(np.median(shorter[sound])) / 4))
    yield from about(
        facts, facts.where(shorter < limit), rule="files.tiny", severity="warning",
        what=(f"image has a side below {limit:g} pixels", f"images have a side below {limit:g} pixels"),
        remedy="look whether they are thumbnails or icons, and leave those out",
        limit=limit,
    )  # fmt: skip


def odd_names(facts: Facts) -> Iterator[Finding]:
    """Paths that are not UTF-8 text, or hold line breaks."""
    names = (facts.samples.paths[place] for place in range(len(facts.samples)))
    odd = np.fromiter((not _plain(name) for name in names), np.bool_, len(facts.samples))
    yield from about(
        facts, np.flatnonzero(odd), rule="files.names", severity="note",
        what=("path is not plain UTF-8 text", "paths are not plain UTF-8 text"),
        remedy="nothing here: they are read, and tables show them escaped. Rename them if other programs read them too",
    )  # fmt: skip


def _aspect(facts: Facts) -> NDArray[Any]:
    width, height = (np.maximum(facts.scan.rows[side], 1).astype(np.float64) for side in ("width", "height"))
    return np.maximum(width / height, height / width)


def _plain(name: str) -> bool:
    return name.isprintable() or written(name) == name


FILES: dict[str, Rule] = {
    "files.empty": empty,
    "files.truncated": truncated,
    "files.damaged": damage,
    "files.unreadable": unreadable,
    "files.large": large,
    "files.animated": animated,
    "files.narrow": narrow,
    "files.tiny": tiny,
    "files.suffix": wrong_suffix,
    "files.names": odd_names,
    "files.ignored": ignored,
}
"""Rules about files, by the name that their findings carry."""
