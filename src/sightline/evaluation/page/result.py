"""The head of the page: what came out, in one sentence, one picture and a few figures."""

from collections.abc import Sequence

from sightline.evaluation.page.markup import count, missing, percent, text
from sightline.evaluation.page.stated import Stated

Pair = tuple[str, str, str]
"""HTML of a term, its value and a note."""


def headline(figures: Stated) -> str:
    """How often a classifier is right, in one sentence."""
    images = figures.value["n"]
    shown = figures["accuracy"]["value"].percent(digits_of(images))
    return f"<h1>The model names <em>{shown}</em> of {pictures_of(figures)} correctly.</h1>"


def pictures_of(figures: Stated) -> str:
    """``503 test images``."""
    part = PART_WORDS.get(figures.value["part"], figures.value["part"])
    return figures["n"].shown(lambda images: count(images, f"{part} image"))


def no_evaluation(command: str) -> str:
    """The head of a page without any evaluation: says which command makes one."""
    return "<h1>This run has not been evaluated yet.</h1>" + missing(
        f"Measure it with <code>{text(command)}</code>, then write this report again."
    )


def class_pairs(figures: Stated) -> list[Pair]:
    """Term, value and note of each figure of a classifier that everybody looks for."""
    digits = digits_of(figures.value["n"])
    named = (("Accuracy", "accuracy"), ("Macro F1", "macro_f1"))
    pairs = [(title, figures[key]["value"].percent(digits), span(figures[key], digits)) for title, key in named]
    within = figures.get("log_loss_interval")
    note = "lower is better"
    if within is not None and within.get("low") is not None:
        note = f"{within['low'].plain('.3f')} to {within['high'].plain('.3f')}"
    pairs.append(("Log loss", figures["log_loss"].plain(".3f"), note))
    baseline = figures["baseline"]["accuracy"]["value"].percent(digits)
    return [*pairs, ("Baseline", baseline, "always the largest class")]


def key_figures(pairs: Sequence[Pair], info: Stated, duration: str) -> str:
    """These figures (term, value, note) and those of the training, as a row of terms and values."""
    pairs = list(pairs)
    if info.get("parameters") is not None:
        pairs.append(("Parameters", info["parameters"].shown(short_number), "weights of the model"))
    if duration:
        pairs.append(("Duration", text(duration), "start to end"))
    cells = "".join(
        f'<div><dt>{title}</dt><dd>{value}</dd><dd class="note">{note}</dd></div>' for title, value, note in pairs
    )
    return f'<dl class="figures">{cells}</dl>' if cells else ""


PART_WORDS = {"val": "validation", "train": "training"}


def span(value: Stated, digits: int = 1) -> str:
    """An interval as ``97.4% to 99.6%``; where all resamples agree there is none to show."""
    if value.value["value"] is None or value.value["low"] is None:
        return text(value.value.get("why", "no interval"))
    if value.value["low"] == value.value["high"]:
        return "no spread to measure"
    return f"{value['low'].percent(digits)} to {value['high'].percent(digits)}"


def short_number(number: int) -> str:
    """``812``, ``93.3 k``, ``5.48 M``: three digits are enough for a size."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return str(number)


def scale(figures: Stated) -> str:
    """A line from 0 to 100 % with the baseline, the accuracy and its interval on it."""
    accuracy, baseline = figures.value["accuracy"], figures.value["baseline"]["accuracy"]["value"]
    left, width = 8, 984

    def at(share: float) -> float:
        return round(left + width * share, 1)

    low, value, high = (at(accuracy[key]) for key in ("low", "value", "high"))
    words = (
        f"Accuracy {percent(accuracy['value'])}, interval {percent(accuracy['low'])} to {percent(accuracy['high'])}, "
        f"baseline {percent(baseline)}, on a line from 0% to 100%"
    )
    return (
        f'<figure class="scale"><svg viewBox="0 0 1000 26" role="img" aria-label="{words}" preserveAspectRatio="none">'
        f'<line class="track" x1="{left}" x2="{left + width}" y1="13" y2="13"/>'
        f'<line class="gain" x1="{at(baseline)}" x2="{value}" y1="13" y2="13"/>'
        f'<rect class="span" x="{low}" y="5" width="{max(high - low, 3):.1f}" height="16"/>'
        f'<line class="base" x1="{at(baseline)}" x2="{at(baseline)}" y1="3" y2="23"/>'
        f'<line class="value" x1="{value}" x2="{value}" y1="1" y2="25"/></svg>'
        '<figcaption><span>0%</span><span class="key"><i class="base"></i>baseline</span>'
        '<span class="key"><i class="span"></i>interval</span>'
        '<span class="key"><i class="value"></i>accuracy</span><span>100%</span></figcaption></figure>'
    )


def digits_of(images: int) -> int:
    """Decimals of a percentage that so many images can bear."""
    return 2 if images >= 5000 else 1
