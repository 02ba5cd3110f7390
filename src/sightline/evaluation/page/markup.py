"""Small pieces of HTML. Everything that comes from the user goes through ``text`` or ``name``."""

import html
from collections.abc import Iterable, Sequence


def text(value: object) -> str:
    """Escaped text; bytes of a file name that are no UTF-8, and control characters, show as escapes."""
    plain = str(value).encode("utf-8", "backslashreplace").decode()
    return html.escape("".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in plain))


def name(value: object) -> str:
    """An escaped label or path that cannot turn the words around it, whichever direction it is written in."""
    return f"<bdi>{text(value)}</bdi>"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage. Rounding never makes 100 % of what is less, nor 0 % of what is more; a dash for none."""
    if value is None:
        return "–"
    if value in (0, 1):
        return f"{value:.0%}"
    shown = f"{value:.{digits}%}"
    while digits < 6 and ((value < 1 and float(shown[:-1]) == 100) or (value > 0 and float(shown[:-1]) == 0)):
        digits += 1
        shown = f"{value:.{digits}%}"
    return shown


def count(number: int, word: str) -> str:
    """``1 image``, ``1,234 images``, ``3 classes``."""
    plural = word + ("es" if word.endswith(("s", "x", "ch")) else "s")
    return f"{number:,} {word if number == 1 else plural}"


def section(key: str, title: str, lead: str, body: str) -> str:
    """A section of the page; ``lead`` is one HTML sentence that says what the reader sees."""
    return (
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{text(title)}</h2>'
        f'<p class="lead">{lead}</p>{body}</section>'
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = (), label: str) -> str:
    """A table of HTML cells in a box of its own that scrolls where the page is too narrow.

    Args:
        head: escaped column heads.
        rows: HTML of each cell; the first of a row is its head.
        numbers: places of columns that are set to the right.
        label: what the table holds, for those who cannot see it.
    """
    right = set(numbers)
    kinds = [' class="number"' if place in right else "" for place in range(len(head))]
    heads = "".join(f'<th scope="col"{kind}>{cell}</th>' for kind, cell in zip(kinds, head, strict=True))
    lines = "".join(
        f'<tr><th scope="row"{kinds[0]}>{row[0]}</th>'
        + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return scroll_box(f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>", label)


def scroll_box(body: str, label: str) -> str:
    """A box that scrolls by itself, also from the keyboard."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{text(label)}">{body}</div>'


def missing(message: str) -> str:
    """A note in the place of something that is not there."""
    return f'<p class="missing">{message}</p>'
