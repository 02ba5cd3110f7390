"""The section about mistakes in pictures: the wrong answers that the model was surest of."""

import numpy as np

from sightline.evaluation.page.markup import count, missing, name, percent, section
from sightline.evaluation.page.picture import Overlay, Picture, picture_box
from sightline.evaluation.page.stated import source
from sightline.evaluation.predictions import Predictions

MOST_PICTURES = 24


def mistakes_section(predictions: Predictions | None, picture: Picture, overlay: Overlay) -> str:
    """Up to ``MOST_PICTURES`` wrong answers, the most confident first, each with what spoke for the answer."""
    title = "Worst mistakes"
    if predictions is None:
        return section(
            "mistakes",
            title,
            "The wrong answers that the model was surest of.",
            missing("The stored predictions are gone. <code>sightline evaluate</code> writes them again."),
        )
    wrong = np.flatnonzero((predictions.labels >= 0) & (predictions.labels != predictions.predicted))
    if not len(wrong):
        return section("mistakes", title, "There are none among these images.", "")
    order = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:MOST_PICTURES]
    shown = "the surest first" if len(order) == len(wrong) else f"here the {len(order)} that the model was surest of"
    lead = (
        f"{count(len(wrong), 'wrong answer')}; {shown}. Some may be wrong labels: worth a look before more training."
        if len(wrong) > 1
        else "The only wrong answer. It may be a wrong label: worth a look before more training."
    )
    cards = "".join(_card(predictions, int(row), picture, overlay) for row in order)
    body = f'<div class="mistakes">{cards}</div>{source(f"predictions/{predictions.part}.npz")}'
    return section("mistakes", title, lead, body)


def _card(predictions: Predictions, row: int, picture: Picture, overlay: Overlay) -> str:
    path = predictions.paths[row]
    truth = predictions.classes[int(predictions.labels[row])]
    answer = predictions.classes[int(predictions.predicted[row])]
    sure = _sure(predictions.confidence[row])
    heat, words = overlay(path, answer), f"where the model saw {answer}"
    second = "" if heat is None else picture_box(path, lambda _: heat, words)
    return (
        f'<figure class="mistake">{picture_box(path, picture, f"{truth}, taken for {answer}")}{second}<figcaption>'
        f'<p class="answer"><span>answer</span> <strong>{name(answer)}</strong></p>'
        f'<p class="truth"><span>truth</span> <strong>{name(truth)}</strong></p>'
        f"<p><span>sure</span> {sure}</p>"
        f'<p class="path">{name(path)}</p></figcaption></figure>'
    )


def _sure(confidence: float) -> str:
    return percent(float(confidence), 0 if confidence < 0.995 else 1)
