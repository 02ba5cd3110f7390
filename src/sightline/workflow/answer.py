"""The answer for one image, and how answers look in a CSV and in JSON."""

import csv
import dataclasses
from collections.abc import Iterable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.contract import Contract
from sightline.data.outputs import Kind, joined
from sightline.evaluation.predictions import sigmoid, softmax


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The answer for one image."""

    image_id: str
    """Path of the image relative to the folder that was given; with several paths given, below the given one."""
    label: str
    """The class with the highest probability; the labels with ``|`` between them; empty where there are none, for
    numbers, and where the image cannot be decoded."""
    confidence: float
    """Probability of the class, 0-1; 0 for labels and numbers."""
    error: str = ""
    """Why there is no answer."""
    kind: Kind = "class"
    """What it is: one ``class``, any of several ``labels``, or ``numbers``."""
    values: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    """The probability of each label, or each number in its unit; empty for one class an image."""
    units: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    """Units of those numbers that have one."""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        own: dict[str, Any] = {"image_id": self.image_id}
        if self.kind == "class":
            own |= {"label": self.label, "confidence": self.confidence}
        elif self.kind == "labels":
            own |= {"labels": self.label.split("|") if self.label else [], "probabilities": dict(self.values)}
        else:
            own |= {"values": dict(self.values), "units": dict(self.units)}
        return own | {"error": self.error}

    @property
    def told(self) -> str:
        """The labels or the numbers in words."""
        if self.kind != "numbers":
            return self.label or "no label"
        one = len(self.values) == 1
        shown = ((name, f"{value:.4g} {self.units.get(name, '')}".rstrip()) for name, value in self.values.items())
        return ", ".join(value if one else f"{name} {value}" for name, value in shown)


def answer_of(image_id: str, outputs: NDArray[np.float32], contract: Contract) -> Prediction:
    """What a model's outputs ``[classes]`` for an image mean."""
    if contract.outputs is None:
        scores = softmax(outputs[None] / np.float64(contract.temperature))[0]
        best = int(scores.argmax())
        return Prediction(image_id, contract.classes[best], float(scores[best]))
    if contract.outputs.kind == "labels":
        names = zip(contract.classes, outputs >= np.float32(contract.outputs.least_logit), strict=True)
        values = dict(zip(contract.classes, sigmoid(outputs).tolist(), strict=True))
        return Prediction(image_id, joined([name for name, has in names if has]), 0.0, "", "labels", values)
    # As the shortest decimals that are this float32: a number has no more digits than the model gave it.
    numbers = [float(str(value)) for value in contract.outputs.values(outputs)]
    units = {name: unit for name, unit in zip(contract.classes, contract.outputs.units, strict=False) if unit}
    return Prediction(image_id, "", 0.0, "", "numbers", dict(zip(contract.classes, numbers, strict=True)), units)


def no_answer(image_id: str, why: str, contract: Contract) -> Prediction:
    """An image that cannot be decoded."""
    return Prediction(image_id, "", 0.0, why, contract.kind)


def write_rows(answers: Iterable[Prediction], file: IO[str]) -> None:
    """The answers as CSV with a header, without the images that have none.

    ``image_id,label,confidence``; of labels ``image_id,labels`` and the probability of each; of numbers ``image_id``
    and each number, with its unit in the header.
    """
    rows = csv.writer(file, lineterminator="\n")
    head: tuple[str, ...] = ()
    for answer in answers:
        if answer.error:
            continue
        if not head:
            head = _head(answer)
            rows.writerow(head)
        if answer.kind == "class":
            rows.writerow((answer.image_id, answer.label, f"{answer.confidence:.6f}"))
        elif answer.kind == "labels":
            rows.writerow((answer.image_id, answer.label, *(f"{value:.6f}" for value in answer.values.values())))
        else:
            rows.writerow((answer.image_id, *answer.values.values()))
    if not head:
        rows.writerow(("image_id", "label", "confidence"))


def _head(answer: Prediction) -> tuple[str, ...]:
    if answer.kind == "class":
        return ("image_id", "label", "confidence")
    if answer.kind == "labels":
        return ("image_id", "labels", *answer.values)
    units = answer.units
    return ("image_id", *(f"{name} ({units[name]})" if name in units else name for name in answer.values))
