"""The section about mistakes in numbers: the confusion matrix, the frequent confusions, the table of classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.evaluation.page.markup import count, name, scroll_box, section, text
from sightline.evaluation.page.stated import Stated, source

MOST_NUMBERED = 20
"""Up to so many classes the matrix is a table with numbers; above, a picture with one square per pair."""
MOST_DRAWN = 100
"""Of more classes than this the matrix shows those with the most mistakes."""
SHADES = 8


def confusion_section(figures: Stated) -> str:
    """Which class is taken for which."""
    classes: list[str] = figures.value["classes"]
    cells = figures["confusion_matrix"]
    matrix = np.asarray(cells.value, np.int64)
    shown = _worst_classes(matrix)
    lead = (
        "Each row is a true class, each column an answer; the shade is the share of the row. "
        "Mistakes lie off the diagonal."
    )
    if len(shown) < len(classes):
        lead += f" Shown are the {len(shown)} of {len(classes):,} classes with the most mistakes."
    part = matrix[np.ix_(shown, shown)]
    names = [classes[place] for place in shown]
    sizes = matrix.sum(axis=1)[shown]
    drawn = _numbered(cells, names, sizes) if len(shown) <= MOST_NUMBERED else _squares(part, names, sizes)
    body = f"{_frequent(cells, matrix, classes)}{drawn}{source(figures.file)}"
    return section("confusion", "What is taken for what", lead, body)


def class_section(figures: Stated) -> str:
    """Precision, recall and F1 of each class, sortable."""
    heads = ("Class", "Precision", "Recall", "F1", "Images")
    kinds = ("", *(' class="number"',) * 4)
    head = "".join(
        f'<th scope="col"{kind}><button type="button">{word}</button></th>'
        for word, kind in zip(heads, kinds, strict=True)
    )
    rows = "".join(_class_row(row) for row in figures["per_class"])
    body = scroll_box(
        f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>', "Figures of each class"
    )
    lead = (
        "Precision: how often an answer is right. Recall: how many of a class are found. F1 is low when either is. "
        "A click on a column head sorts."
    )
    return section("classes", "Class by class", lead, f'<div class="tall">{body}</div>{source(figures.file)}')


def _class_row(row: Stated) -> str:
    def cell(key: str) -> str:
        share = float(row.value[key] or 0)
        return (
            f'<td class="number meter" data-value="{share:.12g}"><svg viewBox="0 0 60 4" aria-hidden="true">'
            '<rect class="track" width="60" height="4"/>'
            f'<rect class="fill" width="{60 * share:.1f}" height="4"/></svg><span>{row[key].percent()}</span></td>'
        )

    cells = "".join(cell(key) for key in ("precision", "recall", "f1"))
    support = f'<td class="number" data-value="{row.value["support"]}">{row["support"].plain(",")}</td>'
    return f'<tr><th scope="row">{name(row.value["class"])}</th>{cells}{support}</tr>'


def _worst_classes(matrix: NDArray[np.int64]) -> list[int]:
    if len(matrix) <= MOST_DRAWN:
        return list(range(len(matrix)))
    mistakes = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * matrix.diagonal()
    return sorted(int(place) for place in np.argsort(-mistakes, kind="stable")[:MOST_DRAWN])


def _frequent(cells: Stated, matrix: NDArray[np.int64], classes: Sequence[str], most: int = 6) -> str:
    """The most frequent confusions in words."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = [int(place) for place in np.argsort(-wrong, axis=None, kind="stable")[:most] if wrong.flat[place]]
    if not order:
        return '<p class="legend">There is no mistake to show.</p>'
    sizes = matrix.sum(axis=1)
    items = [
        f"<li><strong>{name(classes[true])}</strong> taken for <strong>{name(classes[given])}</strong>"
        f"<span>{cells[true][given].plain(',')} of {sizes[true]:,}</span></li>"
        for true, given in (divmod(place, len(classes)) for place in order)
    ]
    return f'<ul class="frequent">{"".join(items)}</ul>'


def _shade(number: int, size: int) -> int:
    """0 for none, then 1 to ``SHADES``; by the root of the share, so that rare mistakes can be seen at all."""
    return 0 if not number else max(1, round(SHADES * (number / size) ** 0.5))


def _numbered(matrix: Stated, names: Sequence[str], sizes: NDArray[np.int64]) -> str:
    head = "".join(f'<th scope="col"><span>{name(label)}</span></th>' for label in names)
    rows: list[str] = []
    for true, label in enumerate(names):
        cells = "".join(
            f'<td class="{"hit" if given == true else "miss"} s{_shade(number.value, int(sizes[true]))}"'
            f' title="{_words(label, names[given], number.value, int(sizes[true]))}">'
            f"{number.plain('d') if number.value else ''}</td>"
            for given, number in enumerate(matrix[true])
        )
        rows.append(f'<tr><th scope="row">{name(label)}</th>{cells}</tr>')
    turned = " turned" if max(len(label) for label in names) > 6 else ""
    body = (
        f'<table class="matrix{turned}"><thead><tr><td class="corner">true ↓ answer →</td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    return scroll_box(body, "Confusion matrix")


def _squares(matrix: NDArray[np.int64], names: Sequence[str], sizes: NDArray[np.int64]) -> str:
    """One square per pair that occurs, names along both sides, and the numbers when the pointer rests on a square."""
    size, margin = 13, 120
    side = margin + size * len(names) + 2
    parts = [f'<rect class="paper" x="{margin}" y="{margin}" width="{side - margin}" height="{side - margin}"/>']
    for place, label in enumerate(names):
        short = text(label if len(label) <= 16 else label[:15] + "…")
        at = margin + size * place + size - 3
        parts.append(f'<text x="{margin - 5}" y="{at}" text-anchor="end">{short}</text>')
        parts.append(f'<text transform="translate({at} {margin - 5}) rotate(-90)">{short}</text>')
    for true, given in np.argwhere(matrix).tolist():
        number = int(matrix[true, given])
        shade = f"{'hit' if true == given else 'miss'} s{_shade(number, int(sizes[true]))}"
        title = _words(names[true], names[given], number, int(sizes[true]))
        parts.append(
            f'<rect class="{shade}" x="{margin + size * given}" y="{margin + size * true}" '
            f'width="{size - 1}" height="{size - 1}"><title>{title}</title></rect>'
        )
    label = f"Confusion matrix of {count(len(names), 'class')}; the table below holds the figures of each"
    size_words = f'width="{side}" height="{side}" viewBox="0 0 {side} {side}"'
    picture = f'<svg class="squares" {size_words} role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return scroll_box(picture, "Confusion matrix")


def _words(true: str, given: str, number: int, size: int) -> str:
    answered = "rightly named" if true == given else f"taken for {text(given)}"
    return f"{text(true)} {answered}: {number:,} of {size:,}"
