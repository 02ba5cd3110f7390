"""The section about the data: how many images of each class are in each part."""

from collections.abc import Mapping, Sequence
from typing import Any

from sightline.evaluation.page.markup import count, missing, name, section, table, text
from sightline.evaluation.page.stated import source

PARTS = ("train", "val", "test")
MOST_SKIPPED = 200


def data_section(
    counts: Mapping[str, Mapping[str, int]],
    classes: Sequence[str],
    skipped: Sequence[Any],
    word: str = "class",
    images: Mapping[str, Mapping[str, int]] | None = None,
    file: str = "",
) -> str:
    """The table of counts, and the files that were left out.

    Args:
        counts: part -> class name -> images.
        classes: class names in order.
        skipped: files that could not be decoded, as paths or as dictionaries with ``path`` and ``reason``.
        word: ``class``, ``label`` or ``number``: what ``classes`` are.
        images: part -> any name -> images, where an image counts for several labels or none.
        file: of the run, in which the images are counted; empty: there is no run.
    """
    total = sum(sum(column.values()) for column in (images or counts).values())
    if not total:
        return section("data", "Data", "What the model was shown.", missing("The run has no split.csv."))
    parts = [part for part in PARTS if part in counts] + sorted(set(counts) - set(PARTS))
    sums = [sum((images or counts)[part].values()) for part in parts]
    named, classes = classes, [] if word == "number" else classes
    largest = max(sum(counts[part].get(label, 0) for part in parts) for label in classes) if classes else 0
    rows = [
        [name(label), *(f"{counts[part].get(label, 0):,}" for part in parts), _bar(label, parts, counts, largest)]
        for label in classes
    ]
    rows.append(["all images", *(f"{number:,}" for number in sums), f"{total:,}"])
    head = [
        "" if word == "number" else word.capitalize(),
        *(_key(place, part) for place, part in enumerate(parts)),
        "All parts",
    ]
    lead = (
        f"{count(total, 'image')} {'in' if word == 'class' else 'with'} {count(len(named), word)}, each in exactly one "
        f"part: {_parts(parts, sums)}."
    )
    counted = table(head, rows, numbers=range(1, len(parts) + 1), label=f"Images per {word} and part")
    told = source(file) if file else ""
    return section("data", "Data", lead, f'<div class="counts tall">{counted}</div>{_skipped(skipped)}{told}')


def _parts(parts: Sequence[str], sums: Sequence[int]) -> str:
    return ", ".join(f"{number:,} {text(part)}" for part, number in zip(parts, sums, strict=True))


def _key(place: int, part: str) -> str:
    return f'<span class="key"><i class="part{min(place, 2)}"></i>{text(part)}</span>'


def _bar(label: str, parts: Sequence[str], counts: Mapping[str, Mapping[str, int]], largest: int) -> str:
    """A bar as long as the class is large, in one piece per part, with the sum beside it."""
    pieces: list[str] = []
    start = 0.0
    for place, part in enumerate(parts):
        width = 120 * counts[part].get(label, 0) / max(largest, 1)
        pieces.append(f'<rect class="part{min(place, 2)}" x="{start:.1f}" y="2" width="{width:.1f}" height="8"/>')
        start += width
    total = sum(counts[part].get(label, 0) for part in parts)
    return f'<svg class="bar" viewBox="0 0 120 12" aria-hidden="true">{"".join(pieces)}</svg> {total:,}'


def _skipped(skipped: Sequence[Any]) -> str:
    if not skipped:
        return ""
    shown = [
        f"{name(item.get('path', ''))}: {text(item.get('reason', ''))}" if isinstance(item, dict) else name(item)
        for item in skipped[:MOST_SKIPPED]
    ]
    if len(skipped) > MOST_SKIPPED:
        shown.append(f"and {len(skipped) - MOST_SKIPPED:,} more")
    items = "".join(f"<li>{item}</li>" for item in shown)
    return (
        f"<details><summary>{count(len(skipped), 'file')} could not be read and took no part</summary>"
        f'<ul class="files">{items}</ul></details>'
    )
