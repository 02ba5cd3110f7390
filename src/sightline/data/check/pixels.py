"""Rules about pixels: how they are stored, and pictures that stand out by how they look."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.check.facts import Facts, Rule, about
from sightline.data.check.files import no_range
from sightline.data.row import MODES
from sightline.findings import Finding, Severity

CONSTANT = 2.0
"""Standard deviation of the luma, in gray levels, below which a picture shows next to nothing."""
DARK, BRIGHT = 25, 235
"""Gray levels: in a dark picture 99 % of the pixels are below the one, in a bright one 99 % above the other."""
FAR_BLURRED, FAR_NOISY = 5.0, 6.0
"""How far from the median a picture must be to stand out, in robust standard deviations (1.4826 times the median
absolute deviation; Hampel, 1974). Of 2,527 photos of trash, 364 of blood cells and 70,000 drawings of clothes, all
sound, the farthest are at 4.5 and 5.7."""
_LEAST_SPREAD = 0.2
"""Robust standard deviation of a logarithm below which it is not believed: where all are alike, a third is not far."""
FEWEST = 20
"""Pictures that it takes to say what is usual."""
_UNUSUAL_COUNT, _UNUSUAL_SHARE = 5, 0.02
"""Where more pictures than this stand out in the same way, that is how the data set is, and none of them stands out."""


def _stored(name: str, severity: Severity, pick: Any, what: tuple[str, str], remedy: str) -> Rule:
    """A rule about how files hold their pixels."""

    def rule(facts: Facts) -> Iterator[Finding]:
        places = facts.where(pick(facts.scan.rows))
        yield from about(facts, places, rule=name, severity=severity, what=what, remedy=remedy, leave_out=False)

    return rule


def _mode(*names: str) -> Any:
    codes = [MODES.index(name) for name in names]
    return lambda rows: np.isin(rows["mode"], codes)


cmyk = _stored(
    "pixels.cmyk", "warning", _mode("CMYK"), ("image is CMYK", "images are CMYK"),
    "converted to RGB without a color profile, so colors may be off; convert them with the profile beforehand",
)  # fmt: skip
deep = _stored(
    "pixels.deep", "warning", lambda rows: rows["deep"],
    ("image has 16 bits a channel", "images have 16 bits a channel"),
    "only the upper 8 bits are used: images of a smaller range (12-bit scans) come out dark; scale them beforehand",
)  # fmt: skip
palette = _stored(
    "pixels.palette", "note", _mode("P", "PA"), ("image has a palette", "images have a palette"),
    "nothing: their colors are looked up",
)  # fmt: skip
alpha = _stored(
    "pixels.alpha", "note", lambda rows: rows["alpha"], ("image is transparent", "images are transparent"),
    "laid over white; lay them over another color beforehand if that matters",
)  # fmt: skip
turned = _stored(
    "pixels.rotated", "note", lambda rows: rows["orientation"] > 1,
    ("image is turned by its EXIF tag", "images are turned by their EXIF tags"),
    "nothing: they are turned upright, here and wherever the contract is used",
)  # fmt: skip


def gray_among_color(facts: Facts) -> Iterator[Finding]:
    """Gray pictures in a data set of color pictures; worse where they are mostly of one class."""
    sound, gray = facts.sound, facts.where(facts.scan.rows["gray"])
    if not 0 < len(gray) <= len(sound) / 2:
        return
    of_class = facts.samples.counts(sound)
    shares = facts.samples.counts(gray) / np.maximum(of_class, 1)
    usual = len(gray) / len(sound)
    told = shares.max(initial=0) >= 0.5 and len(gray) >= FEWEST and shares.max() > 3 * usual
    which = facts.samples.classes[int(shares.argmax())]
    yield from about(
        facts, gray, rule="pixels.gray", severity="warning" if told else "note", leave_out=False,
        what=("image is gray among color images", "images are gray among color images"),
        remedy=f"{shares.max():.0%} of class '{which}' are gray: the model can tell it by that. Set data.color=gray"
        if told else "nothing: shown as gray with three channels; data.color=gray makes all images gray",
        shares={name: round(float(share), 4) for name, share in zip(facts.samples.classes, shares, strict=True)},
    )  # fmt: skip


def constant(facts: Facts) -> Iterator[Finding]:
    """Pictures of one shade."""
    yield from about(
        facts, facts.where(facts.scan.rows["contrast"] < CONSTANT), rule="pixels.constant", severity="warning",
        what=("image is all of one shade", "images are all of one shade"),
        remedy="look at them, and leave out those that show nothing", limit=CONSTANT,
    )  # fmt: skip


def dark(facts: Facts) -> Iterator[Finding]:
    """Pictures so dark that little is seen, where the others are not."""
    rows = facts.scan.rows
    yield from _unusual(facts, rows["high"] < DARK, "pixels.dark", ("image is very dark", "images are very dark"), DARK)


def bright(facts: Facts) -> Iterator[Finding]:
    """Pictures so bright that little is seen, where the others are not."""
    hit = facts.scan.rows["low"] > BRIGHT
    yield from _unusual(facts, hit, "pixels.bright", ("image is very bright", "images are very bright"), BRIGHT)


def blurred(facts: Facts) -> Iterator[Finding]:
    """Pictures with far weaker edges for their contrast than the others, on copies of about a hundred pixels."""
    rows = facts.scan.rows
    edges = (rows["sharpness"].astype(np.float64) + 0.5) / (rows["contrast"] + 1.0)
    what = ("image is far more blurred than the others", "images are far more blurred than the others")
    yield from _unusual(facts, _far(facts, edges) < -FAR_BLURRED, "pixels.blurred", what, FAR_BLURRED)


def noisy(facts: Facts) -> Iterator[Finding]:
    """Pictures far noisier than the others."""
    noise = facts.scan.rows["noise"].astype(np.float64) + 1.0
    what = ("image is far noisier than the others", "images are far noisier than the others")
    yield from _unusual(facts, _far(facts, noise) > FAR_NOISY, "pixels.noisy", what, FAR_NOISY)


def _far(facts: Facts, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each sample is from the median, on a logarithmic scale, in robust standard deviations."""
    sound, logs = facts.sound, np.log(values)
    if len(sound) < FEWEST:
        return np.zeros(len(values))
    middle = np.median(logs[sound])
    spread = 1.4826 * float(np.median(np.abs(logs[sound] - middle)))
    return (logs - middle) / max(spread, _LEAST_SPREAD)


def _unusual(facts: Facts, hit: NDArray[np.bool_], rule: str, what: tuple[str, str], limit: float) -> Iterator[Finding]:
    """A finding about sound pictures that are not of one shade, unless many are like that."""
    places = facts.where(hit & (facts.scan.rows["contrast"] >= CONSTANT))
    if len(facts.sound) >= FEWEST and len(places) <= max(_UNUSUAL_COUNT, _UNUSUAL_SHARE * len(facts.sound)):
        remedy = "look at them, and leave out those that show too little"
        yield from about(facts, places, rule=rule, severity="warning", what=what, remedy=remedy, limit=limit)


PIXELS: dict[str, Rule] = {
    "pixels.range": no_range,
    "pixels.cmyk": cmyk,
    "pixels.deep": deep,
    "pixels.palette": palette,
    "pixels.alpha": alpha,
    "pixels.rotated": turned,
    "pixels.gray": gray_among_color,
    "pixels.constant": constant,
    "pixels.dark": dark,
    "pixels.bright": bright,
    "pixels.blurred": blurred,
    "pixels.noisy": noisy,
}
"""Rules about pixels, by the name that their findings carry."""
