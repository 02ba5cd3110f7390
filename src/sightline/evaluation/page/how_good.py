"""How good a model is, in sentences: figure and interval, whether the images suffice, and the baselines."""

import math

from sightline.evaluation.page.markup import name, percent, text
from sightline.evaluation.page.result import digits_of
from sightline.evaluation.page.stated import Stated

WIDE = 0.1
"""Width from which on an interval of a share is called wide: settings that differ by half of it look the same. The
diagnosis calls a validation figure noisy from there on, too."""
WIDE_ERROR = 0.5
"""The same for an error in a unit, as a share of the error."""


def how_good(figures: Stated) -> list[str]:
    """Sentences of HTML about figures of any kind."""
    kind = figures.value.get("kind", "class")
    if kind == "numbers":
        return _numbers(figures)
    key = "accuracy" if kind == "class" else "jaccard"
    figure = figures[key]
    told = _certainty(figure, figures) if kind == "class" else _agreement(figure, figures)
    return [told, *_width(figure, figures, WIDE, points=True), *_baselines(figures, figure)]


def _sure(figures: Stated) -> str:
    return figures["confidence"].shown(lambda value: f"{value * 100:.4g}%")


def _certainty(accuracy: Stated, figures: Stated) -> str:
    sure, digits = _sure(figures), digits_of(figures.value["n"])
    if accuracy.value["value"] == 1.0:
        edge = accuracy["low"].shown(lambda low: percent(math.floor(low * 1000) / 1000))
        return f"So many hits without a miss put the true rate above {edge} ({sure} bound)."
    if accuracy.value["value"] == 0.0:
        edge = accuracy["high"].shown(lambda high: percent(math.ceil(high * 1000) / 1000))
        return f"So many misses without a hit put the true rate below {edge} ({sure} bound)."
    low, high = accuracy["low"].percent(digits), accuracy["high"].percent(digits)
    return f"With {sure} confidence the true rate lies between {low} and {high}."


def _agreement(near: Stated, figures: Stated) -> str:
    digits = digits_of(figures.value["n"])
    value, low, high = (near[key].percent(digits) for key in ("value", "low", "high"))
    return (
        f"On average {value} of the labels that an image has or is given are both; with {_sure(figures)} confidence "
        f"the true share lies between {low} and {high}."
    )


def _width(figure: Stated, figures: Stated, limit: float, *, points: bool) -> list[str]:
    """That the images do not suffice, where they do not."""
    wide = figure.value["high"] - figure.value["low"]
    if wide <= limit * (1 if points else abs(figure.value["value"])):
        return []
    form = (lambda value: f"{value * 100:.0f} points") if points else (lambda value: f"{value:.3g}")
    across = figure["high"].less(figure["low"], form)
    images = figures["n"].shown(lambda value: f"{value:,} image{'' if value == 1 else 's'}")
    return [
        f"<strong>The interval is {across} wide, because {images} are few:</strong> four times as many would halve it."
    ]


def _numbers(figures: Stated) -> list[str]:
    rows = figures["per_target"]
    told: list[str] = []
    for row in list(rows)[:3]:
        mae, unit = row["mae"], row.value["unit"]
        of = f" of {name(row.value['target'])}" if len(rows) > 1 else ""
        if mae.value["low"] is None:
            told.append(f"How far the mean error{of} varies is not known: {text(mae.value['why'])}.")
        else:
            ends = f"{mae['low'].plain('.3g')} and {mae['high'].plain('.3g', unit)}"
            told.append(f"With {_sure(figures)} confidence the mean error{of} lies between {ends}.")
            told += _width(mae, figures, WIDE_ERROR, points=False)
        if not figures.get("baselines"):
            told.append(_against_mean(row))
    return told + (_paired(figures["baselines"], "numbers", figures.value["n"]) if figures.get("baselines") else [])


def _against_mean(row: Stated) -> str:
    mae, rival = row.value["mae"], row.value["baseline_mae"]
    shown = row["baseline_mae"]["value"].plain(".3g", row.value["unit"])
    told = f"Always answering the mean of the training part is off by {shown}"
    if mae["value"] >= rival["value"]:
        return f"{told}: <strong>the model has learnt nothing useful.</strong>"
    if mae["low"] is None:
        return f"{told}: <strong>the gain may be luck.</strong>"
    if mae["high"] >= rival["low"]:
        return f"{told}, and the two intervals overlap: <strong>the gain may be luck.</strong>"
    return f"{told}."


def _baselines(figures: Stated, figure: Stated) -> list[str]:
    if figures.get("baselines"):
        return _paired(figures["baselines"], figures.value.get("kind", "class"), figures.value["n"])
    baseline = figures["baseline"]
    if figures.value.get("kind") == "labels":
        rival = baseline["jaccard"]
        always = ", ".join(name(label) for label in baseline.value["labels"]) or "no label"
        told = f"Always answering {always} would reach {rival['value'].percent()}"
    else:
        rival = baseline["accuracy"]
        told = f"Always answering {name(baseline.value['class'])} would be right {rival['value'].percent()} of the time"
    if figure.value["low"] > rival.value["high"]:
        return [f"{told}."]
    if figure.value["value"] > rival.value["value"]:
        return [f"{told}, and the two intervals overlap: <strong>the gain may be luck.</strong>"]
    return [f"{told}: <strong>the model has learnt nothing useful.</strong>"]


def _paired(rows: Stated, kind: str, images: int) -> list[str]:
    """What the paired tests say: together of those that the model beats, one by one of the others."""
    better = [_rival(row, kind, images) for row in rows if row.value["verdict"] == "better"]
    told = [f"It is better than {' and than '.join(better)}."] if better else []
    told += [
        f"<strong>It is worse than {_rival(row, kind, images)}: {_what_that_means(row)}.</strong>"
        for row in rows
        if row.value["verdict"] == "worse"
    ]
    return told + [
        f"<strong>It cannot be told apart from {_rival(row, kind, images)}: the gain may be luck.</strong>"
        for row in rows
        if row.value["verdict"] == "not distinguishable"
    ]


def _what_that_means(row: Stated) -> str:
    constant = row.value["name"].startswith("always ")
    return "it has learnt nothing useful" if constant else "something far simpler does better"


def _rival(row: Stated, kind: str, images: int) -> str:
    """A baseline, what it reaches, and the difference with its interval; and on how many, where not on all images."""
    change, some = row["difference"], row.value["n"] < images
    of = f", on {row['n'].shown(str)} of the images" if some else ""
    if kind == "numbers":
        value = f"mean error {row['value'].plain('.3g')}"
        off, low, high = (change[key].plain("+.3g") for key in ("value", "low", "high"))
        return f"the baseline “{text(row.value['name'])}” ({value}; difference {off}, {low} to {high}{of})"
    value = row["value"].percent()
    off, low, high = (change[key].points(sign=True) for key in ("value", "low", "high"))
    return f"the baseline “{text(row.value['name'])}” ({value}; difference {off} points, {low} to {high}{of})"
