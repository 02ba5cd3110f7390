"""What the page says of numbers: the head, said against true, what is left, the largest errors, a table."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.page.chart import nice_ticks
from sightline.evaluation.page.markup import count, missing, name, section, table, text
from sightline.evaluation.page.mistakes import MOST_PICTURES
from sightline.evaluation.page.picture import Picture, picture_box
from sightline.evaluation.page.result import PART_WORDS
from sightline.evaluation.predictions import Predictions

MOST_POINTS = 600
"""Points in a chart; of more images the charts show so many, spread evenly."""
_WIDTH, _HEIGHT = 400, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 44


def number_headline(figures: dict[str, Any]) -> str:
    """By how much the numbers are off on average, and how that compares with always answering the mean."""
    rows, images = figures["per_target"], int(figures["n"])
    part = PART_WORDS.get(figures["part"], figures["part"])
    errors = " and ".join(
        f"<em>{_amount(row['mae']['value'], row['unit'])}</em> in {name(row['target'])}" for row in rows
    )
    if len(rows) > 3:
        errors = f"<em>{figures['mae']['value']:.3g}</em>, the mean over {len(rows)} numbers"
    told = [_against_baseline(row, figures["confidence"], len(rows) > 1) for row in rows[:3]]
    pictures = text(count(images, f"{part} image"))
    return (
        f"<h1>On {pictures} the model is off by {errors}.</h1>"
        f'<p class="verdict">{" ".join(told)}</p>'
    )  # fmt: skip


def number_pairs(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Term, value and note of each figure that everybody looks for."""
    pairs = [(title, *_told(figures[key])) for title, key in (("MAE", "mae"), ("RMSE", "rmse"), ("R²", "r2"))]
    return [*pairs, ("Baseline", f"{figures['baseline']['mae']['value']:.4g}", "MAE of always the mean")]


def _told(figure: dict[str, Any]) -> tuple[str, str]:
    """A figure and its interval in words; a dash and the reason where it is not defined."""
    if figure["value"] is None:
        return "–", text(figure["why"])
    if figure["low"] is None:
        return f"{figure['value']:.4g}", text(figure["why"])
    return f"{figure['value']:.4g}", f"{figure['low']:.4g} to {figure['high']:.4g}"


def number_charts(predictions: Predictions | None) -> str:
    """Two charts for each number: what was said against what is true, and what is left of it."""
    title = "Said and true"
    lead = "Each point is an image. On the line the model is right; left over is what it said minus what is true."
    if predictions is None:
        told = missing("The stored predictions are gone. <code>sightline evaluate</code> writes them again.")
        return section("scatter", title, lead, told)
    shown = np.unique(np.linspace(0, len(predictions) - 1, min(len(predictions), MOST_POINTS)).astype(int))
    if len(shown) < len(predictions):
        lead += f" Shown are {len(shown)} of {len(predictions):,} images."
    drawn = ""
    for place, target in enumerate(predictions.classes):
        unit = predictions.units[place] if predictions.units else ""
        words = f"{target} ({unit})" if unit else target
        true, said = (column[shown, place].astype(np.float64) for column in (predictions.targets, predictions.logits))
        drawn += _scatter(f"said-{place}", words, "true", "said", true, said, lambda x: x)
        drawn += _scatter(
            f"left-{place}", f"{words}: left over", "true", "said minus true", true, said - true, lambda _: 0.0
        )
    return section("scatter", title, lead, f'<div class="charts">{drawn}</div>')


def largest_errors(predictions: Predictions | None, picture: Picture) -> str:
    """Images whose numbers are off most, in standard deviations of the training part."""
    if predictions is None:
        return ""
    std = np.asarray(predictions.outputs.std if predictions.outputs is not None else (1.0,))
    off = (np.abs(predictions.logits.astype(float) - predictions.targets) / std).max(axis=1)
    order = np.argsort(-off, kind="stable")[:MOST_PICTURES]
    cards = "".join(_card(predictions, int(row), picture) for row in order)
    lead = "The images whose numbers are off most. A wrong number in the table looks like this, too."
    return section("mistakes", "Largest errors", lead, f'<div class="mistakes">{cards}</div>')


def number_table(figures: dict[str, Any]) -> str:
    """MAE, RMSE, R² and the baseline of each number."""
    rows = [
        [
            name(row["target"]), text(row["unit"]), *(_told(row[key])[0] for key in ("mae", "rmse", "r2")),
            f"{row['baseline_mae']['value']:.4g}",
        ]
        for row in figures["per_target"]
    ]  # fmt: skip
    lead = "MAE: the mean error. RMSE: where large errors count more. R²: the share of the variance that is explained."
    head = ["Number", "Unit", "MAE", "RMSE", "R²", "Baseline MAE"]
    return section("classes", "Number by number", lead, table(head, rows, numbers=range(2, 6), label="Each number"))


def _amount(value: float, unit: str) -> str:
    return f"{value:.3g} {text(unit)}".rstrip()


def _against_baseline(row: dict[str, Any], confidence: float, named: bool) -> str:
    mae, rival, unit = row["mae"], row["baseline_mae"], row["unit"]
    sure = f"{confidence * 100:.4g}%"
    of = f" of {name(row['target'])}" if named else ""
    between = (
        f"How far the mean error{of} varies is not known: {text(mae['why'])}"
        if mae["low"] is None
        else f"With {sure} confidence the mean error{of} lies between {_amount(mae['low'], '')} and "
        f"{_amount(mae['high'], unit)}"
    )
    told = f"{between}; always answering the mean of the training part is off by {_amount(rival['value'], unit)}"
    if mae["value"] >= rival["value"]:
        return f"{told}: <strong>the model has learnt nothing useful.</strong>"
    if mae["low"] is None:
        return f"{told}: <strong>the gain may be luck.</strong>"
    if mae["high"] >= rival["low"]:
        return f"{told}, and the two intervals overlap: <strong>the gain may be luck.</strong>"
    return f"{told}."


def _card(predictions: Predictions, row: int, picture: Picture) -> str:
    path, lines = predictions.paths[row], ""
    for place, target in enumerate(predictions.classes):
        unit = predictions.units[place] if predictions.units else ""
        said, true = (float(column[row, place]) for column in (predictions.logits, predictions.targets))
        lines += f'<p class="answer"><span>{name(target)}</span> <strong>{_amount(said, unit)}</strong></p>'
        lines += f'<p class="truth"><span>truth</span> <strong>{_amount(true, unit)}</strong></p>'
    return (
        f'<figure class="mistake">{picture_box(path, picture, "an image whose numbers are off")}<figcaption>'
        f'{lines}<p class="path">{name(path)}</p></figcaption></figure>'
    )


def _scatter(
    key: str, title: str, below: str, beside: str,
    xs: NDArray[np.float64], ys: NDArray[np.float64], line: Callable[[float], float],
) -> str:  # fmt: skip
    """Points, and the line on which they would all lie."""
    low_x, high_x = _padded(xs)
    low_y, high_y = _padded([*ys, line(float(np.min(xs))), line(float(np.max(xs)))])

    def x(value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low_x) / (high_x - low_x), 1)

    def y(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low_y) / (high_y - low_y), 1)

    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick)}" y2="{y(tick)}"/>'
        f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.4g}</text>'
        for tick in nice_ticks(low_y, high_y)
    ]
    parts += [
        f'<text x="{x(tick)}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick:.4g}</text>'
        for tick in nice_ticks(low_x, high_x, most=5)
    ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{text(below)}</text>')
    ends = [f"{x(at)},{y(line(at))}" for at in (float(np.min(xs)), float(np.max(xs)))]
    parts.append(f'<polyline class="line training" points="{" ".join(ends)}"/>')
    parts += [
        f'<circle class="dot" cx="{x(float(a))}" cy="{y(float(b))}" r="2.5"/>' for a, b in zip(xs, ys, strict=True)
    ]
    told = f"{len(xs)} images; {below} from {np.min(xs):.4g} to {np.max(xs):.4g}, {beside} from {np.min(ys):.4g} to "
    return (
        f'<figure class="chart"><h3>{text(title)}</h3>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{text(title)}: {text(beside)} against {text(below)}</title>'
        f'<desc id="{key}-d">{told}{np.max(ys):.4g}</desc>{"".join(parts)}</svg></figure>'
    )


def _padded(values: Any) -> tuple[float, float]:
    low, high = float(np.min(values)), float(np.max(values))
    room = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room
