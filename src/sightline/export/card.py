"""The model card: what a person wants to know before using a bundle, from the facts in ``bundle.json``."""

from collections.abc import Mapping
from typing import Any

_PROGRAM = """\
```python
import sys
from pathlib import Path
import numpy as np
from sightline.export.bundle import Bundle

bundle = Bundle.load(Path("{name}"))  # the folder that holds this card
for path in map(Path, sys.argv[1:]):
    scores = bundle.predict(bundle.contract.read(path)[None])[0]
    print(path, bundle.labels[int(np.argmax(scores))], float(scores.max()))
```"""

_RESIZE = {
    "crop": "shorter side to {shorter} pixels, then the center",
    "squash": "straight to the size, whatever the aspect",
    "pad": "longer side to the size, then a border of value {fill}",
}


def render_card(document: Mapping[str, Any]) -> str:
    """Markdown for people; ``document`` is ``bundle.json`` (``files`` may still be empty)."""
    sections = [
        f"# {document['name']}",
        f"An image classifier with {len(document['labels'])} labels, exported on {document['created']}.",
        "## Labels\n\n" + "\n".join(f"{place}. {_plain(name)}" for place, name in enumerate(document["labels"])),
        "## What the model sees\n\n" + _preparation(document["contract"]),
        "## How well it does\n\n" + _figures(document["metrics"]),
        "## Is the exported file the trained model?\n\n" + _parity(document["parity"]),
        "## Running it\n\n" + _PROGRAM.format(name=document["name"]),
        "## Limits\n\n" + _limits(document),
        "## Origin and licence\n\n" + _origin(document),
    ]
    return "\n\n".join(sections) + "\n"


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
        if isinstance(figure, Mapping) and {"value", "low", "high"} <= set(figure):
            rows.append(f"| {_plain(name)} | {figure['value']:.4f} | {figure['low']:.4f} to {figure['high']:.4f} |")
    if not rows:
        return "No figures were given with this bundle: it has not been measured on a test part."
    share = metrics.get("confidence")
    interval = f"{share:.0%} interval" if isinstance(share, float) else "interval"
    lines = [f"| figure | value | {interval} |", "| --- | --- | --- |", *rows]
    if "n" in metrics:
        lines += ["", f"Measured on {metrics['n']} images of the {metrics.get('part', 'test')} part."]
    baseline = metrics.get("baseline")
    if isinstance(baseline, Mapping) and isinstance(baseline.get("accuracy"), Mapping):
        value, name = baseline["accuracy"]["value"], _plain(str(baseline["class"]))
        lines += ["", f"Always answering “{name}” would reach an accuracy of {value:.4f}."]
    return "\n".join(lines)


def _parity(parity: Mapping[str, Any]) -> str:
    text = (
        f"Yes. On {parity['n']} real images the largest difference of a logit is "
        f"{parity['relative_error']:.1e} of the largest logit (budget {parity['tolerance']:.1e}), and "
        f"{parity['agreement']:.2%} of the labels are the same (budget {parity['least_agreement']:.2%})."
    )
    if parity["accuracy_model"] is None:
        return text
    return f"{text} Accuracy there: model {parity['accuracy_model']:.4f}, export {parity['accuracy_export']:.4f}."


def _limits(document: Mapping[str, Any]) -> str:
    return (
        f"- It answers with one of its {len(document['labels'])} labels whatever the picture shows.\n"
        "- The figures hold for pictures like those of the test part: same source, same cameras, same mix of classes.\n"
        "- The probabilities come straight from softmax; how far to trust them is not part of the figures."
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
