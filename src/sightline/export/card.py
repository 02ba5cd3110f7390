"""The model card: what a person wants to know before using a bundle, from the facts in ``bundle.json``."""

from collections.abc import Mapping
from typing import Any

_ANSWERS = {
    "class": "    print(path, bundle.labels[int(np.argmax(scores))], float(scores.max()))",
    "labels": "    print(path, [name for name, score in zip(bundle.labels, scores) if score >= {threshold}])",
    "numbers": "    print(path, dict(zip(bundle.labels, scores.tolist())))",
}
_PROGRAM = """\
```python
import sys
from pathlib import Path
import numpy as np
{imports}from sightline.export.bundle import Bundle

bundle = Bundle.load(Path("{name}"))  # the folder that holds this card
{program}for path in map(Path, sys.argv[1:]):
    scores = {scores}
{answer}
```"""
_ASKED = {
    "pt2": ("import torch\n", 'program = torch.export.load(bundle.folder / "model.pt2").module()\n'),
    "torchscript": ("import torch\n", 'program = torch.jit.load(str(bundle.folder / "model.torchscript"))\n'),
}
"""Of forms that run in PyTorch alone: what to import, and how to open them."""

_RESIZE = {
    "crop": "shorter side to {shorter} pixels, then the center",
    "squash": "straight to the size, whatever the aspect",
    "pad": "longer side to the size, then a border of value {fill}",
}


def render_card(document: Mapping[str, Any]) -> str:
    """Markdown for people; ``document`` is ``bundle.json`` (``files`` may still be empty)."""
    sections = [
        f"# {document['name']}",
        f"{_what(document)}, exported on {document['created']}.",
        f"## {_HEADS[_kind(document)]}\n\n" + _names(document),
        "## What the model sees\n\n" + _preparation(document["contract"]),
        "## How well it does\n\n" + _figures(document["metrics"]),
        "## Is the exported file the trained model?\n\n" + _parity(document["parity"]),
        "## Running it\n\n" + _program(document),
        "## Limits\n\n" + _limits(document),
        "## Origin and licence\n\n" + _origin(document),
    ]
    return "\n\n".join(sections) + "\n"


_HEADS = {"class": "Labels", "labels": "Labels", "numbers": "Numbers"}


def _kind(document: Mapping[str, Any]) -> str:
    return document["contract"].get("outputs", {}).get("kind", "class")


def _what(document: Mapping[str, Any]) -> str:
    count = len(document["labels"])
    if _kind(document) == "numbers":
        return f"A model that tells {count} number{'s' * (count > 1)} of an image"
    several = "" if _kind(document) == "class" else ", of which an image may have several or none"
    return f"An image classifier with {count} labels{several}"


def _names(document: Mapping[str, Any]) -> str:
    units = document["contract"].get("outputs", {}).get("units") or [""] * len(document["labels"])
    told = [f"{_plain(name)} in {_plain(unit)}" if unit else _plain(name)
            for name, unit in zip(document["labels"], units, strict=True)]  # fmt: skip
    return "\n".join(f"{place}. {name}" for place, name in enumerate(told))


def _program(document: Mapping[str, Any]) -> str:
    threshold = document["contract"].get("outputs", {}).get("threshold")
    answer = _ANSWERS[_kind(document)].format(threshold=threshold)
    imports, program = _ASKED.get(document["form"], ("", ""))
    pixels = "bundle.contract.read(path)[None]"
    scores = f"program(torch.from_numpy({pixels}))[0][0].numpy()" if program else f"bundle.predict({pixels})[0]"
    return _PROGRAM.format(name=document["name"], answer=answer, imports=imports, program=program, scores=scores)


def _preparation(contract: Mapping[str, Any]) -> str:
    color = "RGB" if contract["color"] == "rgb" else "gray"
    rule = _RESIZE[contract["resize"]].format(**contract)
    return (
        f"The picture turned upright by its EXIF tag, transparent parts over white, in {color}, "
        f"{contract['width']} x {contract['height']} pixels: {rule} ({contract['interpolation']}). "
        "Scaling by mean and standard deviation is inside the model file."
    )


def _figures(metrics: Mapping[str, Any]) -> str:
    rows: list[str] = []
    for name, figure in metrics.items():
        whole = isinstance(figure, Mapping) and all(figure.get(key) is not None for key in ("value", "low", "high"))
        if whole:
            rows.append(f"| {_plain(name)} | {figure['value']:.4f} | {figure['low']:.4f} to {figure['high']:.4f} |")
    if not rows:
        return "No figures were given with this bundle: it has not been measured on a test part."
    share = metrics.get("confidence")
    interval = f"{share:.0%} interval" if isinstance(share, float) else "interval"
    lines = [f"| figure | value | {interval} |", "| --- | --- | --- |", *rows]
    if "n" in metrics:
        part = metrics.get("part", "test")
        flatter = " The model was trained on these images: the figures flatter it." if part == "train" else ""
        lines += ["", f"Measured on {metrics['n']} images of the {part} part.{flatter}"]
    baseline = metrics.get("baseline")
    if isinstance(baseline, Mapping) and isinstance(baseline.get("accuracy"), Mapping):
        value, name = baseline["accuracy"]["value"], _plain(str(baseline["class"]))
        lines += ["", f"Always answering “{name}” would reach an accuracy of {value:.4f}."]
    elif isinstance(baseline, Mapping) and "jaccard" in baseline:
        always = _plain(", ".join(baseline["labels"]) or "no label")
        lines += ["", f"Always answering {always} would reach a jaccard of {baseline['jaccard']['value']:.4f}."]
    elif isinstance(baseline, Mapping) and "mae" in baseline:
        lines += ["", f"Always answering the mean of the training part has an mae of {baseline['mae']['value']:.4g}."]
    return "\n".join(lines)


def _parity(parity: Mapping[str, Any]) -> str:
    if parity.get("kind") == "numbers":
        return (
            f"Yes. On {parity['n']} real images the largest difference of a number is {parity['max_logit_error']:.1e} "
            f"standard deviations, {parity['relative_error']:.1e} of the largest ({_tolerated(parity)}); the mean "
            f"absolute error grew by {parity['loss']:.4f} of them (budget {parity['most_loss']:g})."
        )
    text = (
        f"Yes. On {parity['n']} real images the largest difference of a logit is "
        f"{parity['relative_error']:.1e} of the largest logit ({_tolerated(parity)}), and "
        f"{parity['agreement']:.2%} of the labels are the same (budget {parity['least_agreement']:.2%})."
    )
    if parity["accuracy_model"] is None:
        return text
    what = "Images with every label right" if parity.get("kind") == "labels" else "Accuracy"
    both = " and ".join(
        f"{parity[f'accuracy_{side}']:.4f} ({parity[f'bounds_{side}'][0]:.4f} to {parity[f'bounds_{side}'][1]:.4f})"
        for side in ("model", "export")
    )
    return f"{text} {what} of model and export there, with 95 % intervals: {both}; budget {parity['most_loss']:g}."


def _tolerated(parity: Mapping[str, Any]) -> str:
    return "no budget" if parity["tolerance"] is None else f"budget {parity['tolerance']:.1e}"


def _limits(document: Mapping[str, Any]) -> str:
    count, kind = len(document["labels"]), _kind(document)
    outputs = document["contract"].get("outputs", {})
    first, last = {
        "class": (
            f"It answers with one of its {count} labels whatever the picture shows.",
            _trust(document["contract"].get("temperature")),
        ),
        "labels": (
            f"It knows its {count} labels and no others; a label is given from a probability of "
            f"{outputs.get('threshold')} on.",
            "The probabilities come straight from sigmoids; how far to trust them is not part of the figures.",
        ),
        "numbers": (
            "It answers with a number whatever the picture shows.",
            "Beyond the range of the numbers it was trained on its answers were never compared with the truth.",
        ),
    }[kind]
    part = document["metrics"].get("part", "test")
    same = (
        f"The figures hold for pictures like those of the {part} part: same source, same cameras, same mix of classes."
    )
    if part == "train":
        same = "It was measured on the images it was trained on alone: how it does on others is not known."
    return f"- {first}\n- {same}\n- {last}"


def _trust(temperature: float | None) -> str:
    """How far the probabilities can be trusted."""
    if temperature is None:
        return "The probabilities come straight from softmax; nothing showed that they need a correction."
    return (
        f"The probabilities are the softmax of the logits divided by {temperature:.4g}, which was fitted on validation "
        "images so that they mean what they say on pictures like those."
    )


def _origin(document: Mapping[str, Any]) -> str:
    lines = [f"- Licence of the weights that training started from: {_plain(document['weights_license'])}"]
    for name, value in document["provenance"].items():
        shown = ", ".join(f"{key} {word}" for key, word in value.items()) if isinstance(value, Mapping) else str(value)
        lines.append(f"- {_plain(name.replace('_', ' '))}: {_plain(shown)}")
    lines.append(f"- preprocessing contract: {document['contract']['hash']}")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text of the user's data, so that it cannot turn into Markdown or HTML."""
    one_line = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#!" else sign for sign in one_line)
