"""What the page says of numbers: the head, said against true, what is left, the largest errors, a table."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.page.chart import nice_ticks
from sightline.evaluation.page.markup import missing, name, section, table, text
from sightline.evaluation.page.mistakes import MOST_PICTURES
from sightline.evaluation.page.picture import Picture, picture_box
from sightline.evaluation.page.result import Pair, pictures_of
from sightline.evaluation.page.stated import Stated, source
from sightline.evaluation.predictions import Predictions

MOST_POINTS = 600
"""Points in a chart; of more images the charts show so many, spread evenly."""
_WIDTH, _HEIGHT = 400, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 44


def number_headline(figures: Stated) -> str:
    """By how much the numbers are off on average, in one sentence."""
    rows = figures["per_target"]
    errors = " and ".join(
        f"<em>{row['mae']['value'].plain('.3g', row.value['unit'])}</em> in {name(row.value['target'])}" for row in rows
    )
    if len(rows) > 3:
        errors = f"<em>{figures['mae']['value'].plain('.3g')}</em>, the mean over {len(rows)} numbers"
    return f"<h1>On {pictures_of(figures)} the model is off by {errors}.</h1>"


def number_pairs(figures: Stated) -> list[Pair]:
    """Term, value and note of each figure that everybody looks for."""
    pairs = [(title, *_told(figures[key])) for title, key in (("MAE", "mae"), ("RMSE", "rmse"), ("R²", "r2"))]
    return [*pairs, ("Baseline", figures["baseline"]["mae"]["value"].plain(), "MAE of always the mean")]


def _told(figure: Stated) -> tuple[str, str]:
    """A figure and its interval in words; a dash and the reason where it is not defined."""
    if figure.value["value"] is None:
        return "–", text(figure.value["why"])
    if figure.value["low"] is None:
        return figure["value"].plain(), text(figure.value["why"])
    return figure["value"].plain(), f"{figure['low'].plain()} to {figure['high'].plain()}"


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
    stored = source(f"predictions/{predictions.part}.npz")
    return section("scatter", title, lead, f'<div class="charts">{drawn}</div>{stored}')


def largest_errors(predictions: Predictions | None, picture: Picture) -> str:
    """Images whose numbers are off most, in standard deviations of the training part."""
    if predictions is None:
        return ""
    std = np.asarray(predictions.outputs.std if predictions.outputs is not None else (1.0,))
    off = (np.abs(predictions.logits.astype(float) - predictions.targets) / std).max(axis=1)
    order = np.argsort(-off, kind="stable")[:MOST_PICTURES]
    cards = "".join(_card(predictions, int(row), picture) for row in order)
    lead = "The images whose numbers are off most. A wrong number in the table looks like this, too."
    stored = source(f"predictions/{predictions.part}.npz")
    return section("mistakes", "Largest errors", lead, f'<div class="mistakes">{cards}</div>{stored}')


def number_table(figures: Stated) -> str:
    """MAE, RMSE, R², bias and the baseline of each number."""
    rows: list[list[str]] = []
    for row in figures["per_target"]:
        cells = [_with_interval(row.get(key)) for key in ("mae", "rmse", "r2", "bias", "baseline_mae")]
        rows.append([name(row.value["target"]), text(row.value["unit"]), *cells])
    lead = (
        "MAE: the mean error. RMSE: where large errors count more. R²: the share of the variance that is explained. "
        "Bias: what is said minus what is true."
    )
    head = ["Number", "Unit", "MAE", "RMSE", "R²", "Bias", "Baseline MAE"]
    listed = table(head, rows, numbers=range(2, 7), label="Each number")
    return section("classes", "Number by number", lead, listed + source(figures.file))


def _with_interval(figure: Stated | None) -> str:
    if figure is None:  # a run of an earlier version
        return "–"
    value, within = _told(figure)
    return f"{value}<small>{within}</small>"


def _amount(value: float, unit: str) -> str:
    return f"{value:.3g} {text(unit)}".rstrip()


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
