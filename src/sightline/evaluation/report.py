"""The report: everything a run knows, on one page that needs nothing else."""

import csv
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from sightline.errors import RunError
from sightline.evaluation.page.confusion import class_section, confusion_section
from sightline.evaluation.page.dataset import data_section
from sightline.evaluation.page.diagnosis import diagnosis_section
from sightline.evaluation.page.labels import label_headline, label_pairs, label_table, wrong_labels
from sightline.evaluation.page.markup import name, text
from sightline.evaluation.page.mistakes import mistakes_section
from sightline.evaluation.page.numbers import (
    largest_errors,
    number_charts,
    number_headline,
    number_pairs,
    number_table,
)
from sightline.evaluation.page.picture import Overlay, Picture
from sightline.evaluation.page.result import class_pairs, headline, key_figures, no_evaluation
from sightline.evaluation.page.settings import again_section, duration, settings_section
from sightline.evaluation.page.shell import document
from sightline.evaluation.page.training import training_section
from sightline.evaluation.predictions import Predictions
from sightline.files import whole_file
from sightline.run import Run


def write_report(run: Run, picture: Picture, overlay: Overlay = lambda _path, _class: None) -> Path:
    """Write ``report.html`` into the run: one self-contained page, from what lies in the run folder.

    It shows the evaluation of the test part, or else of the validation part, or else of the training part, or else
    says how to make one.

    Args:
        run: the run.
        picture: gives the upright image of a path in the predictions, or ``None`` where it is gone; an
            ``ImageError`` is shown in the place of the picture.
        overlay: gives the image with what speaks for a class over it, where it can.

    Returns:
        The path of the page.

    Raises:
        RunError: a document of the run is damaged, or the page cannot be written.
    """
    info, figures = run.info(), _figures(run)
    predictions = _predictions(run, figures)
    kind = _kind(run)
    counts, images = _counts(run.split, kind), _counts(run.split, "numbers")
    parts = [_head(run, info, figures), *_results(figures, predictions, picture, overlay)]
    classes = _classes(run, counts)
    settings = info.get("settings") or _flat(_yaml(run.config))
    parts += [
        diagnosis_section(_noticed(run)),
        training_section(run.read_records(), _least_loss(settings, len(classes)), info.get("memory")),
        data_section(counts, classes, info.get("skipped") or [], _KNOWN[kind], images),
        settings_section(settings, info.get("origins")),
        again_section(info, str(run.folder)),
    ]
    page = document(f"{run.folder.name} · Sightline", f"<main>{''.join(parts)}</main>")
    with whole_file(run.report, "w") as file:
        file.write(page)
    return run.report


def _head(run: Run, info: dict[str, Any], figures: dict[str, Any] | None) -> str:
    day = str(info.get("finished") or info.get("started") or "")[:10]
    top = f'<p class="brand"><b>Sightline</b><span>{name(run.folder.resolve().name)}</span><time>{text(day)}</time></p>'
    body, pairs = no_evaluation(f"sightline evaluate {run.folder}"), list[tuple[str, str, str]]()
    if figures is not None:
        lead, row = _HEADS.get(figures.get("kind", "class"), _HEADS["class"])
        body, pairs = lead(figures), row(figures)
    warning = ""
    if figures is not None and _other_weights(info, figures):
        warning = (
            '<p class="missing">These figures were measured on other weights than the run holds now. '
            f"<code>sightline evaluate {text(run.folder)}</code> measures again.</p>"
        )
    if figures is not None and figures["part"] == "train":
        warning += '<p class="missing">The model was trained on these images: the figures flatter it.</p>'
    return f'<header class="top">{top}{body}{warning}{key_figures(pairs, info, duration(info))}</header>'


_HEADS = {
    "class": (headline, class_pairs),
    "labels": (label_headline, label_pairs),
    "numbers": (number_headline, number_pairs),
}
_KNOWN = {"class": "class", "labels": "label", "numbers": "number"}


def _results(
    figures: dict[str, Any] | None, predictions: Predictions | None, picture: Picture, overlay: Overlay
) -> list[str]:
    """The sections about the evaluation."""
    if figures is None:
        return []
    if figures.get("kind") == "labels":
        return [wrong_labels(predictions, picture), label_table(figures)]
    if figures.get("kind") == "numbers":
        return [number_charts(predictions), largest_errors(predictions, picture), number_table(figures)]
    return [mistakes_section(predictions, picture, overlay), confusion_section(figures), class_section(figures)]


def _kind(run: Run) -> str:
    outputs: dict[str, Any] = (_json(run.contract) if run.contract.is_file() else {}).get("outputs") or {}
    return outputs.get("kind", "class")


def _least_loss(settings: dict[str, Any], classes: int) -> float:
    """Loss of perfect answers: the entropy of the smoothed targets, which no model can go below."""
    smoothing = settings.get("train.loss.label_smoothing") or 0.0
    if settings.get("train.loss.name") != "cross_entropy" or not smoothing or classes < 2:
        return 0.0
    other = smoothing / classes
    true = 1 - smoothing + other
    return -true * math.log(true) - (classes - 1) * other * math.log(other)


def _other_weights(info: dict[str, Any], figures: dict[str, Any]) -> bool:
    """Whether the figures belong neither to the last weights of the training nor to its best ones."""
    now, then = {info.get("weights_sha256"), info.get("best_weights_sha256")} - {None}, figures.get("weights_sha256")
    return bool(now and then and then not in now)


def _figures(run: Run) -> dict[str, Any] | None:
    for part in ("test", "val", "train"):
        path = run.figures(part)
        if path.is_file():
            return _json(path)
    return None


def _noticed(run: Run) -> list[dict[str, Any]] | None:
    """What the diagnosis found; ``None``: it was never made."""
    return _json(run.findings)["findings"] if run.findings.is_file() else None


def _predictions(run: Run, figures: dict[str, Any] | None) -> Predictions | None:
    if figures is None or not run.predictions(figures["part"]).is_file():
        return None
    return Predictions.load(run.predictions(figures["part"]))


def _counts(split: Path, kind: str) -> dict[str, Counter[str]]:
    """Images per part and class or label, in the order in which they first occur; of numbers all under no name."""
    counts: dict[str, Counter[str]] = {}
    if split.is_file():
        with split.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            for row in csv.DictReader(file):
                names = {"labels": row["label"].split("|") if row["label"] else [], "numbers": [""]}
                counts.setdefault(row["part"], Counter()).update(names.get(kind, [row["label"]]))
    return counts


def _classes(run: Run, counts: dict[str, Counter[str]]) -> list[str]:
    """Class names in the order of the model's outputs, then any that only the split knows."""
    known: list[str] = _json(run.contract)["classes"] if run.contract.is_file() else []
    return known + sorted({label for column in counts.values() for label in column} - set(known))


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(
            f"{path.name} is damaged", where=str(path.parent), got=str(error), hint="sightline evaluate writes it again"
        ) from error


def _yaml(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise RunError(f"{path.name} is damaged", where=str(path.parent), got=str(error)) from error


def _flat(tree: dict[str, Any], above: str = "") -> dict[str, Any]:
    """``{"train": {"lr": 1}}`` as ``{"train.lr": 1}``; the tree is where a run without stored settings has them."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) and value else {f"{above}{key}": value}
    return flat
