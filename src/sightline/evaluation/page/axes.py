"""Two axes as inline SVG, on which small charts are drawn by hand; readable without seeing them."""

import dataclasses

from sightline.evaluation.page.markup import text

WIDTH, HEIGHT = 400, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 14, 44


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axes:
    """Where a value of each axis lies in the picture."""

    x: tuple[float, float]
    """Lowest and highest value from left to right."""
    y: tuple[float, float]
    """Lowest and highest value from bottom to top."""

    def across(self, value: float) -> float:
        """Pixels from the left."""
        low, high = self.x
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low), 1)

    def up(self, value: float) -> float:
        """Pixels from the top."""
        low, high = self.y
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low), 1)

    def line(self, points: list[tuple[float, float]], kind: str) -> str:
        """A line through these points, drawn as the style sheet says of its kind."""
        joined = " ".join(f"{self.across(a)},{self.up(b)}" for a, b in points)
        return f'<polyline class="line {kind}" points="{joined}"/>'

    def whisker(self, at: float, low: float, high: float) -> str:
        """An interval, upright."""
        x = self.across(at)
        return f'<line class="whisker" x1="{x}" x2="{x}" y1="{self.up(low)}" y2="{self.up(high)}"/>'

    def dot(self, at: tuple[float, float], words: str, radius: float = 3.5, kind: str = "") -> str:
        """A point, and words for a pointer that rests on it."""
        place = f'cx="{self.across(at[0])}" cy="{self.up(at[1])}" r="{radius:.1f}"'
        return f'<circle class="{f"dot {kind}".rstrip()}" {place}><title>{text(words)}</title></circle>'


def shares_chart(
    key: str, title: str, below: str, beside: str, axes: Axes, drawn: str, told: str, legend: str = ""
) -> str:
    """A chart of shares over shares.

    Args:
        key: of its elements, unlike those of other charts on the page.
        title: its head.
        below: words for the axis from left to right.
        beside: words for the axis from bottom to top.
        axes: where values lie.
        drawn: SVG of what is on it.
        told: what it shows, for those who cannot see it.
        legend: HTML of the keys.
    """
    from_x, to_x = axes.x
    from_y, to_y = axes.y
    parts: list[str] = []
    for step in range(6):
        across, up = from_x + (to_x - from_x) * step / 5, from_y + (to_y - from_y) * step / 5
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{axes.up(up)}" y2="{axes.up(up)}"/>'
            f'<text x="{LEFT - 8}" y="{axes.up(up) + 4:.1f}" text-anchor="end">{up * 100:.3g}%</text>'
            f'<text x="{axes.across(across)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
            f"{across * 100:.3g}%</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{text(below)}</text>')
    words = f'<title id="{key}-t">{text(title)}: {text(beside)} over {text(below)}</title>'
    words += f'<desc id="{key}-d">{text(told)}</desc>'
    shown = f'<p class="legend">{legend}</p>' if legend else ""
    return (
        f'<figure class="chart"><h3>{text(title)}</h3>{shown}'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{key}-t {key}-d">{words}'
        f"{''.join(parts)}{drawn}</svg></figure>"
    )
