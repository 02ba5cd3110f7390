"""What the page says of several labels an image: the head, the labels that were missed, a table of the labels."""

import numpy as np

from sightline.evaluation.label_metrics import jaccard
from sightline.evaluation.page.markup import count, missing, name, section, table
from sightline.evaluation.page.mistakes import MOST_PICTURES
from sightline.evaluation.page.picture import Picture, picture_box
from sightline.evaluation.page.result import Pair, digits_of, pictures_of, span
from sightline.evaluation.page.stated import Stated, source
from sightline.evaluation.predictions import Predictions


def label_headline(figures: Stated) -> str:
    """How many images have every label right, in one sentence."""
    exact = figures["exact_match"]["value"].percent(digits_of(figures.value["n"]))
    return f"<h1>Of {pictures_of(figures)} <em>{exact}</em> have every label right.</h1>"


def label_pairs(figures: Stated) -> list[Pair]:
    """Term, value and note of each figure that everybody looks for."""
    digits = digits_of(figures.value["n"])
    named = (("Mean AP", "macro_ap"), ("Micro F1", "micro_f1"), ("Macro F1", "macro_f1"), ("Jaccard", "jaccard"))
    pairs = [(title, figures[key]["value"].percent(digits), span(figures[key], digits)) for title, key in named]
    baseline = figures["baseline"]["jaccard"]["value"].percent(digits)
    return [*pairs, ("Baseline", baseline, "Jaccard of always the usual labels")]


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
    stored = source(f"predictions/{predictions.part}.npz")
    return section("mistakes", title, lead, f'<div class="mistakes">{cards}</div>{stored}')


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


def label_table(figures: Stated) -> str:
    """Average precision, ROC AUC, precision, recall and F1 of each label."""
    keys = ("average_precision", "roc_auc", "precision", "recall", "f1")
    rows = [
        [name(row.value["class"]), *(row[key].percent() for key in keys), row["support"].plain(",")]
        for row in figures["per_class"]
    ]
    lead = (
        "Average precision and ROC AUC: how well the images that have a label come before those that have not, "
        f"whatever the threshold. The others count labels from a probability of {figures['threshold'].plain('g')} on."
    )
    head = ["Label", "AP", "ROC AUC", "Precision", "Recall", "F1", "Images"]
    listed = table(head, rows, numbers=range(1, 7), label="Each label")
    return section("classes", "Label by label", lead, listed + source(figures.file))
