"""A line chart as inline SVG: drawn by hand, readable without seeing it."""

import math
from collections.abc import Sequence

from sightline.evaluation.curves import SHARES, Chart
from sightline.evaluation.page.markup import name, text

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 40


def line_chart(chart: Chart, kinds: Sequence[str] = (), key: str = "") -> str:
    """The chart with axes, grid, one line per curve, its legend and a description in words.

    Args:
        chart: what is drawn.
        kinds: how each curve is drawn, as the style sheet calls it; where missing, by its name.
        key: of its elements, where ``chart.key`` is not unlike those of others on the page.
    """
    kinds, key = kinds or [curve.name.replace(" ", "-") for curve in chart.curves], key or chart.key
    high_x = max(max(curve.x) for curve in chart.curves) or 1.0
    low_y, high_y = _range(chart)
    ticks_y, ticks_x = nice_ticks(low_y, high_y), nice_ticks(0, high_x)

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / high_x, 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low_y) / (high_y - low_y), 1)

    parts = [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick)}" y2="{y(tick)}"/>'
        f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{_tick(tick, chart.key)}</text>'
        for tick in ticks_y
    ]
    parts += [
        f'<text x="{x(tick)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_tick(tick)}</text>' for tick in ticks_x
    ]
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">epoch</text>')
    for curve, kind in zip(chart.curves, kinds, strict=True):
        parts.append(_line(kind, [(x(a), y(b)) for a, b in zip(curve.x, curve.y, strict=True)]))
    if chart.best is not None:
        at_x, at_y = x(chart.best[0]), y(chart.best[1])
        parts.append(
            f'<circle class="best" cx="{at_x}" cy="{at_y}" r="6"><title>best: {chart.best[1]:.4g}</title></circle>'
        )
    return (
        f'<figure class="chart"><h3>{text(chart.title)}</h3>{_legend(chart, kinds)}'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{text(chart.title)} over the epochs</title>'
        f'<desc id="{key}-d">{text(_description(chart))}</desc>{"".join(parts)}</svg></figure>'
    )


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Up to ``most`` + 1 round numbers between ``low`` and ``high``, apart by 1, 2 or 5 times a power of 10."""
    step = 10 ** math.floor(math.log10((high - low) / most))
    while (high - low) / step > most:
        step *= 2 if f"{step:e}"[0] in "15" else 2.5
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(tick * step, 12) for tick in range(first, last + 1)]


def _range(chart: Chart) -> tuple[float, float]:
    values = [value for curve in chart.curves for value in curve.y]
    low, high = min(values), max(values)
    if chart.key in ("loss", "learning_rate"):
        low = min(0.0, low)
    if high - low < 1e-12:
        low, high = low - 0.05 * abs(low or 1), high + 0.05 * abs(high or 1)
    return low, high + 0.04 * (high - low) if chart.key not in SHARES else min(1.0, high + 0.04 * (high - low))


def _line(kind: str, points: list[tuple[float, float]]) -> str:
    joined = " ".join(f"{a},{b}" for a, b in points)
    line = f'<polyline class="line {kind}" points="{joined}"/>'
    if (kind == "validation" and len(points) <= 60) or len(points) == 1:
        line += "".join(f'<circle class="dot {kind}" cx="{a}" cy="{b}" r="3"/>' for a, b in points)
    return line


def _legend(chart: Chart, kinds: Sequence[str]) -> str:
    keys = [
        f'<span class="key"><i class="{kind}"></i>{name(curve.name)}</span>'
        for curve, kind in zip(chart.curves, kinds, strict=True)
    ]
    if chart.best is not None:
        keys.append('<span class="key"><i class="best"></i>kept</span>')
    return f'<p class="legend">{"".join(keys)}</p>' if len(keys) > 1 else ""


def _description(chart: Chart) -> str:
    words = [f"{c.name} goes from {c.y[0]:.4g} to {c.y[-1]:.4g} over {c.x[-1]:.4g} epochs" for c in chart.curves]
    if chart.best is not None:
        words.append(f"best {chart.best[1]:.4g} at epoch {chart.best[0]:.4g}")
    return "; ".join(words) + "."


def _tick(value: float, key: str = "") -> str:
    if key in SHARES:
        return f"{value * 100:.4g}%"
    return "0" if value == 0 else f"{value:.4g}"
