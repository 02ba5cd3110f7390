"""The sections about what a check found: each finding with its pictures."""

from collections.abc import Sequence
from typing import Any

from sightline.evaluation.page.markup import count, name, section, table, text
from sightline.evaluation.page.picture import Picture, picture_box
from sightline.findings import Finding

MOST_PICTURES = 12
MOST_PATHS = 500
SIDE = 160
"""Pixels of the longer side of a picture in the page; with ``MOST_PICTURES`` it bounds the size of the page."""
_WITHOUT_PICTURES = {"files.ignored", "files.large"}
"""Rules whose files are no images, or images that must not be decoded."""


def findings_section(findings: Sequence[Finding], picture: Picture) -> str:
    """Every finding in words, with the first pictures that it is about."""
    if not findings:
        return section("findings", "Findings", "There are none: every rule was applied.", "")
    counts = {severity: sum(one.severity == severity for one in findings) for severity in ("error", "warning", "note")}
    lead = (
        f"{count(counts['error'], 'error')} that would break or falsify a training, "
        f"{count(counts['warning'], 'warning')} worth a look, {count(counts['note'], 'note')} to know."
    )
    return section("findings", "Findings", lead, "".join(_finding(one, picture) for one in findings))


def figures_section(figures: dict[str, Any]) -> str:
    """Sizes, kinds and colors of the images that can be decoded."""
    rows: list[list[str]] = []
    words = {"width": "Width", "height": "Height", "aspect": "Width over height", "bytes": "Bytes"} | {
        key: key.capitalize() for key in ("brightness", "contrast", "sharpness", "noise")
    }
    for key, title in words.items():
        if key in figures:
            rows.append([title, *(f"{figures[key][which]:,.5g}" for which in ("min", "median", "max"))])
    body = (
        table(["Of an image", "Smallest", "Median", "Largest"], rows, numbers=(1, 2, 3), label="Figures")
        if rows
        else ""
    )
    channels = figures.get("channels", [])
    names = ["gray"] if len(channels) == 1 else ["red", "green", "blue"]
    cells = [
        [title, *(f"{channel[key]:.4f}" for key in ("mean", "std", "variance", "median"))]
        for title, channel in zip(names, channels, strict=False)
    ]
    if cells:
        head = ["Channel (0 to 1)", "Mean", "Standard deviation", "Variance", "Median"]
        body += table(head, cells, numbers=(1, 2, 3, 4), label="Channels")
    kinds = {"Formats": figures.get("formats", {}), "Modes": figures.get("modes", {})}
    told = "; ".join(
        f"{title}: {', '.join(f'{text(key)} {number:,}' for key, number in held.items())}"
        for title, held in kinds.items()
        if held
    )
    lead = f"{count(figures['decoded'], 'image')} that can be decoded. {told}".rstrip(". ") + "."
    return section("figures", "Figures", lead, body)


def _finding(finding: Finding, picture: Picture) -> str:
    shown = () if finding.rule in _WITHOUT_PICTURES else finding.paths[:MOST_PICTURES]
    cards = "".join(
        f'<figure class="mistake">{picture_box(path, picture, path, SIDE)}<figcaption>'
        f'<p class="path">{name(path)}</p></figcaption></figure>'
        for path in shown
    )
    pictures = f'<div class="mistakes">{cards}</div>' if cards else ""
    return (
        f'<article class="finding"><p><span class="severity {finding.severity}">{finding.severity}</span> '
        f"<code>{text(finding.rule)}</code></p><h3>{text(_sentence(finding.message))}</h3>"
        f'<p class="remedy">{text(_sentence(finding.remedy))}</p>{pictures}{_paths(finding, len(shown))}</article>'
    )


def _paths(finding: Finding, shown: int) -> str:
    if len(finding.paths) <= max(shown, 3):  # the message names as many
        return ""
    items = [f"<li>{name(path)}</li>" for path in finding.paths[:MOST_PATHS]]
    if len(finding.paths) > MOST_PATHS:
        items.append(f"<li>and {len(finding.paths) - MOST_PATHS:,} more, which check.json names</li>")
    listed = f'<ul class="files">{"".join(items)}</ul>'
    return f"<details><summary>All {count(len(finding.paths), 'path')}</summary>{listed}</details>"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
