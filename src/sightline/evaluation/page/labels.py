"""What the page says of several labels an image: the head, the labels that were missed, a table of the labels."""

from typing import Any

import numpy as np

from sightline.evaluation.label_metrics import jaccard
from sightline.evaluation.page.markup import count, missing, name, percent, section, table, text
from sightline.evaluation.page.mistakes import MOST_PICTURES
from sightline.evaluation.page.picture import Picture, picture_box
from sightline.evaluation.page.result import PART_WORDS, digits_of, span
from sightline.evaluation.predictions import Predictions


def label_headline(figures: dict[str, Any]) -> str:
    """How many images have every label right, and how near the sets of labels come on average."""
    exact, near, baseline = figures["exact_match"], figures["jaccard"], figures["baseline"]
    images = int(figures["n"])
    part = PART_WORDS.get(figures["part"], figures["part"])
    sure, digits = f"{figures['confidence'] * 100:.4g}%", digits_of(images)
    always = ", ".join(name(label) for label in baseline["labels"]) or "no label"
    rival = baseline["jaccard"]
    told = (
        f"On average {percent(near['value'], digits)} of the labels that an image has or is given are both; with "
        f"{sure} confidence the true share lies between {percent(near['low'], digits)} and "
        f"{percent(near['high'], digits)}. Always answering {always} would reach {percent(rival['value'])}"
    )
    if near["value"] <= rival["value"]:
        told += ": <strong>the model has learnt nothing useful</strong>"
    elif near["low"] <= rival["high"]:
        told += ", and the two intervals overlap: <strong>the gain may be luck</strong>"
    pictures = text(count(images, f"{part} image"))
    return (
        f"<h1>Of {pictures} <em>{percent(exact['value'], digits)}</em> have every label right.</h1>"
        f'<p class="verdict">{told}.</p>'
    )


def label_pairs(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Term, value and note of each figure that everybody looks for."""
    digits = digits_of(int(figures["n"]))
    named = (("Mean AP", "macro_ap"), ("Micro F1", "micro_f1"), ("Macro F1", "macro_f1"), ("Jaccard", "jaccard"))
    pairs = [
        (title, percent(figures[key]["value"], digits), span(figures[key], digits)) for title, key in named
    ]  # fmt: skip
    baseline = figures["baseline"]["jaccard"]["value"]
    return [*pairs, ("Baseline", percent(baseline, digits), "Jaccard of always the usual labels")]


def wrong_labels(predictions: Predictions | None, picture: Picture) -> str:
    """Images whose labels agree least, those with the surest mistakes first."""
    title = "Worst mistakes"
    if predictions is None:
        told = missing("The stored predictions are gone. <code>sightline evaluate</code> writes them again.")
        return section("mistakes", title, "The images whose labels agree least.", told)
    true, given = predictions.targets > 0.5, predictions.given
    agreed = jaccard(true, given)
    wrong = np.flatnonzero((true != given).any(axis=1))
    if not len(wrong):
        return section("mistakes", title, "There are none among these images.", "")
    surest = np.where(true != given, np.abs(predictions.probabilities - true), 0.0).max(axis=1)
    order = wrong[np.lexsort((-surest[wrong], agreed[wrong]))][:MOST_PICTURES]
    lead = f"{count(len(wrong), 'image')} with a label too few or too many; the worst first. Some labels may be wrong."
    cards = "".join(_card(predictions, int(row), picture) for row in order)
    return section("mistakes", title, lead, f'<div class="mistakes">{cards}</div>')


def _card(predictions: Predictions, row: int, picture: Picture) -> str:
    path, sides = predictions.paths[row], list[str]()
    for flags in (predictions.given[row], predictions.targets[row] > 0.5):
        sides.append(
            ", ".join(name(label) for label, on in zip(predictions.classes, flags, strict=True) if on) or "none"
        )
    return (
        f'<figure class="mistake">{picture_box(path, picture, "an image with wrong labels")}<figcaption>'
        f'<p class="answer"><span>answer</span> <strong>{sides[0]}</strong></p>'
        f'<p class="truth"><span>truth</span> <strong>{sides[1]}</strong></p>'
        f'<p class="path">{name(path)}</p></figcaption></figure>'
    )


def label_table(figures: dict[str, Any]) -> str:
    """Average precision, ROC AUC, precision, recall and F1 of each label."""
    keys = ("average_precision", "roc_auc", "precision", "recall", "f1")
    rows = [
        [name(row["class"]), *("–" if row[key] is None else percent(row[key]) for key in keys), f"{row['support']:,}"]
        for row in figures["per_class"]
    ]
    lead = (
        "Average precision and ROC AUC: how well the images that have a label come before those that have not, "
        f"whatever the threshold. The others count labels from a probability of {figures['threshold']:g} on."
    )
    head = ["Label", "AP", "ROC AUC", "Precision", "Recall", "F1", "Images"]
    return section("classes", "Label by label", lead, table(head, rows, numbers=range(1, 7), label="Each label"))
