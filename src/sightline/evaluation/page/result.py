"""The head of the page: what came out, in one sentence, one picture and a few figures."""

import math
from typing import Any

from sightline.evaluation.page.markup import count, missing, name, percent, text

Interval = dict[str, Any]


def headline(figures: dict[str, Any]) -> str:
    """The verdict in one sentence, the interval, the comparison with the baseline, and a picture of all three."""
    accuracy, images = figures["accuracy"], int(figures["n"])
    part = PART_WORDS.get(figures["part"], figures["part"])
    pictures = count(images, f"{part} image")
    sentence = (
        f"The model names <em>{percent(accuracy['value'], digits_of(images))}</em> of {text(pictures)} correctly."
    )
    return (
        f'<h1>{sentence}</h1><p class="verdict">{_certainty(accuracy, images, figures["confidence"])} '
        f"{_against_baseline(accuracy, figures['baseline'])}</p>{_scale(figures)}"
    )


def no_evaluation(command: str) -> str:
    """The head of a page without any evaluation: says which command makes one."""
    return "<h1>This run has not been evaluated yet.</h1>" + missing(
        f"Measure it with <code>{text(command)}</code>, then write this report again."
    )


def class_pairs(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Term, value and note of each figure of a classifier that everybody looks for."""
    digits = digits_of(int(figures["n"]))
    named = (("Accuracy", "accuracy"), ("Macro F1", "macro_f1"))
    pairs = [(title, percent(figures[key]["value"], digits), span(figures[key], digits)) for title, key in named]
    pairs.append(("Log loss", f"{figures['log_loss']:.3f}", "lower is better"))
    baseline = figures["baseline"]["accuracy"]["value"]
    return [*pairs, ("Baseline", percent(baseline, digits), "always the largest class")]


def key_figures(pairs: list[tuple[str, str, str]], info: dict[str, Any], duration: str) -> str:
    """These figures (term, value, note) and those of the training, as a row of terms and values."""
    pairs = list(pairs)
    if "parameters" in info:
        pairs.append(("Parameters", short_number(int(info["parameters"])), "weights of the model"))
    if duration:
        pairs.append(("Duration", text(duration), "start to end"))
    cells = "".join(
        f'<div><dt>{title}</dt><dd>{value}</dd><dd class="note">{note}</dd></div>' for title, value, note in pairs
    )
    return f'<dl class="figures">{cells}</dl>' if cells else ""


PART_WORDS = {"val": "validation", "train": "training"}


def span(value: Interval, digits: int = 1) -> str:
    """An interval as ``97.4% to 99.6%``; where all resamples agree there is none to show."""
    if value["value"] is None or value["low"] is None:
        return str(value.get("why", "no interval"))
    if value["low"] == value["high"]:
        return "no spread to measure"
    return f"{percent(value['low'], digits)} to {percent(value['high'], digits)}"


def short_number(number: int) -> str:
    """``812``, ``93.3 k``, ``5.48 M``: three digits are enough for a size."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return str(number)


def _certainty(accuracy: Interval, images: int, confidence: float) -> str:
    sure = f"{confidence * 100:.4g}%"
    if accuracy["value"] in (0.0, 1.0):
        if accuracy["value"] == 1.0:
            edge = math.floor(accuracy["low"] * 1000) / 1000
            return f"So many hits without a miss put the true rate above {percent(edge)} ({sure} bound)."
        edge = math.ceil(accuracy["high"] * 1000) / 1000
        return f"So many misses without a hit put the true rate below {percent(edge)} ({sure} bound)."
    digits = digits_of(images)
    low, high = percent(accuracy["low"], digits), percent(accuracy["high"], digits)
    return f"With {sure} confidence the true rate lies between {low} and {high}."


def _against_baseline(accuracy: Interval, baseline: dict[str, Any]) -> str:
    rival = baseline["accuracy"]
    always = f"Always answering {name(baseline['class'])} would be right {percent(rival['value'])} of the time"
    if accuracy["low"] > rival["high"]:
        return f"{always}."
    if accuracy["value"] > rival["value"]:
        return f"{always}, and the two intervals overlap: <strong>the gain may be luck.</strong>"
    return f"{always}: <strong>the model has learnt nothing useful.</strong>"


def _scale(figures: dict[str, Any]) -> str:
    """A line from 0 to 100 % with the baseline, the accuracy and its interval on it."""
    accuracy, baseline = figures["accuracy"], figures["baseline"]["accuracy"]["value"]
    left, width = 8, 984

    def at(share: float) -> float:
        return round(left + width * share, 1)

    low, value, high = (at(accuracy[key]) for key in ("low", "value", "high"))
    words = (
        f"Accuracy {percent(accuracy['value'])}, interval: {span(accuracy)}, baseline {percent(baseline)}, "
        "on a line from 0% to 100%"
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
