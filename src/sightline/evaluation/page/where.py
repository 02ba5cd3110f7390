"""Where a model fails, in sentences: only what is truly worse than the rest, and the most frequent mistake."""

import numpy as np

from sightline.evaluation.page.markup import name, text
from sightline.evaluation.page.stated import Stated


def where_it_fails(figures: Stated) -> list[str]:
    """Sentences of HTML: the worst class, group and kind of image, each only where its gap is real."""
    told = [sentence(row, figures, place == 0) for place, row in enumerate(worst(figures))]
    if not told and (figures.get("slices") or figures.get("groups")):
        told = ["No class, group or kind of image is worse than the rest for certain."]
    return told + _frequent(figures) + _worst_label(figures)


def worst(figures: Stated) -> list[Stated]:
    """Of the classes, of each named column and of all kinds of images, the group with most mistakes too many."""
    found: dict[str, Stated] = {}
    for part in ("slices", "groups"):
        rows = figures.get(part)
        for row in rows["rows"] if rows is not None else ():
            kind = row.value["column"] if part == "groups" else _kind(row)
            if is_worse(row, figures) and (kind not in found or _lost(row) > _lost(found[kind])):
                found[kind] = row
    return sorted(found.values(), key=_lost, reverse=True)


def is_worse(row: Stated, figures: Stated) -> bool:
    """Whether a group is worse than the rest for certain."""
    gap = row.value["gap"]
    return bool(gap["real"]) and (gap["value"] > 0) == (figures.value.get("kind") == "numbers")


def _kind(row: Stated) -> str:
    return "class" if row.value["column"] == "class" else "measured"


def _lost(row: Stated) -> float:
    return abs(row.value["gap"]["value"]) * row.value["n"]


def group_words(row: Stated) -> str:
    """What to call a group, such as ``brightness up to 61``."""
    return f"{text(row.value['column'])} {name(row.value['group'])}"


def sentence(row: Stated, figures: Stated, first: bool) -> str:
    """A group in words: its figure with interval, its size, and the gap."""
    lead = f"{'It fails most at' if first else 'It also fails at'} <strong>{group_words(row)}</strong>"
    gap, images = row["gap"], row["n"].shown(lambda n: f"{n:,} image{'' if n == 1 else 's'}")
    ends = sorted(("low", "high"), key=lambda key: abs(gap.value[key]))
    if figures.value.get("kind") == "numbers":
        own = row["figures"]["mae"]
        value, low, high = (own[key].plain(".3g") for key in ("value", "low", "high"))
        off, least, most = (gap[key].size(".3g") for key in ("value", *ends))
        return f"{lead}: off by {value} ({low} to {high}) on {images}, {off} more than on the rest ({least} to {most})."
    own = row["figures"]["accuracy" if figures.value.get("kind", "class") == "class" else "jaccard"]
    value, low, high = (own[key].percent() for key in ("value", "low", "high"))
    off, least, most = (gap[key].points() for key in ("value", *ends))
    kind = figures.value.get("kind", "class")
    word, of = ("right in", "of") if kind == "class" else ("Jaccard index", "on")
    return f"{lead}: {word} {value} ({low} to {high}) {of} {images}, {off} points below the rest ({least} to {most})."


def _frequent(figures: Stated) -> list[str]:
    """The most frequent confusion, where one stands out of the others at all."""
    if figures.value.get("kind", "class") != "class":
        return []
    wrong = np.asarray(figures.value["confusion_matrix"], np.int64)
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return []
    true, given = divmod(int(wrong.argmax()), len(wrong))
    classes = figures.value["classes"]
    times = figures["confusion_matrix"][true][given].plain(",")
    of = figures["per_class"][true]["support"].plain(",")
    return [
        f"The most frequent mistake: {name(classes[true])} taken for {name(classes[given])}, {times} of {of} images."
    ]


def _worst_label(figures: Stated) -> list[str]:
    """Of several labels an image, the one that is found worst; single labels have no interval."""
    if figures.value.get("kind") != "labels":
        return []
    known = [row for row in figures["per_class"] if row.value["average_precision"] is not None]
    if len(known) < 2:
        return []
    row = min(known, key=lambda one: one.value["average_precision"])
    average, images = row["average_precision"].percent(), row["support"].plain(",")
    return [
        f"Of the labels, {name(row.value['class'])} is found worst: average precision {average}, {images} of the "
        "images have it (how much of that is chance is not known)."
    ]
