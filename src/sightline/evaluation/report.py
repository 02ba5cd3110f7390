"""The report: everything a run knows, on one page that needs nothing else."""

import csv
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from sightline.errors import RunError
from sightline.evaluation.page.confidence import confidence_section
from sightline.evaluation.page.confusion import class_section, confusion_section
from sightline.evaluation.page.cost import cost_section
from sightline.evaluation.page.dataset import data_section
from sightline.evaluation.page.diagnosis import diagnosis_section
from sightline.evaluation.page.every import every_figure
from sightline.evaluation.page.labels import label_headline, label_pairs, label_table, wrong_labels
from sightline.evaluation.page.markup import text
from sightline.evaluation.page.mistakes import mistakes_section
from sightline.evaluation.page.numbers import (
    largest_errors,
    number_charts,
    number_headline,
    number_pairs,
    number_table,
)
from sightline.evaluation.page.picture import Overlay, Picture
from sightline.evaluation.page.result import Pair, class_pairs, headline, key_figures, no_evaluation, scale
from sightline.evaluation.page.settings import again_section, duration, settings_section
from sightline.evaluation.page.shell import brand, contents, document
from sightline.evaluation.page.stated import Stated, source
from sightline.evaluation.page.training import training_section
from sightline.evaluation.page.verdict import Facts, verdict, verdict_html
from sightline.evaluation.page.weak import groups_section
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
    info, figures = Stated("run.json", run.info()), _figures(run)
    predictions = _predictions(run, figures)
    kind = _kind(run)
    counts, images = _counts(run.split, kind), _counts(run.split, "numbers")
    classes = _classes(run, counts)
    settings = info.value.get("settings") or _flat(_yaml(run.config))
    records, noticed = run.read_records(), _noticed(run)
    parts = [
        *_results(figures, predictions, picture, overlay, run.temperatures.is_file()),
        diagnosis_section(noticed, info.get("findings")),
        training_section(records, _least_loss(settings, len(classes))),
        cost_section(info, records, duration(info.value)),
        data_section(counts, classes, info.value.get("skipped") or [], _KNOWN[kind], images, run.split.name),
        settings_section(settings, info.value.get("origins")),
        again_section(info.value, str(run.folder)),
    ]
    facts = Facts(
        folder=str(run.folder),
        figures=figures,
        findings=noticed,
        counts=_trained_on(info),
        checked=info.get("findings"),
    )
    sections = "".join(parts)
    page = document(
        f"{run.folder.name} · Sightline", f"<main>{_head(run, info, facts)}{contents(sections)}{sections}</main>"
    )
    with whole_file(run.report, "w") as file:
        file.write(page)
    return run.report


def _head(run: Run, info: Stated, facts: Facts) -> str:
    figures, day = facts.figures, str(info.value.get("finished") or info.value.get("started") or "")[:10]
    top = brand(run.folder.resolve().name, day)
    told = verdict_html(verdict(facts))
    if figures is None:
        body, pairs, drawn = no_evaluation(f"sightline evaluate {run.folder}"), list[Pair](), ""
    else:
        lead, row = _HEADS[figures.value.get("kind", "class")]
        body, pairs = lead(figures), row(figures)
        drawn = scale(figures) if figures.value.get("kind", "class") == "class" else ""
    warning = ""
    if figures is not None and _other_weights(info.value, figures.value):
        warning = (
            '<p class="missing">These figures were measured on other weights than the run holds now. '
            f"<code>sightline evaluate {text(run.folder)}</code> measures again.</p>"
        )
    if figures is not None and figures.value["part"] == "train":
        warning += '<p class="missing">The model was trained on these images: the figures flatter it.</p>'
    files = [one.file for one in (figures, facts.findings, info) if one is not None and one.value]
    shown = key_figures(pairs, info, duration(info.value))
    return f'<header class="top">{top}{body}{warning}{told}{drawn}{shown}{source(*files) if files else ""}</header>'


_HEADS = {
    "class": (headline, class_pairs),
    "labels": (label_headline, label_pairs),
    "numbers": (number_headline, number_pairs),
}
_KNOWN = {"class": "class", "labels": "label", "numbers": "number"}


def _results(
    figures: Stated | None, predictions: Predictions | None, picture: Picture, overlay: Overlay, fitted: bool
) -> list[str]:
    """The sections about the evaluation."""
    if figures is None:
        return []
    weak, sure = groups_section(figures), confidence_section(figures, fitted)
    if figures.value.get("kind") == "labels":
        return [wrong_labels(predictions, picture), label_table(figures), weak, sure, every_figure(figures)]
    if figures.value.get("kind") == "numbers":
        return [
            number_charts(predictions),
            largest_errors(predictions, picture),
            number_table(figures),
            weak,
            every_figure(figures),
        ]
    shown = [mistakes_section(predictions, picture, overlay), confusion_section(figures), class_section(figures)]
    return [*shown, weak, sure, every_figure(figures)]


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


def _figures(run: Run) -> Stated | None:
    for part in ("test", "val", "train"):
        path = run.figures(part)
        if path.is_file():
            return Stated(f"predictions/{path.name}", _json(path))
    return None


def _noticed(run: Run) -> Stated | None:
    """What the diagnosis found; ``None``: it was never made."""
    return Stated(run.findings.name, _json(run.findings))["findings"] if run.findings.is_file() else None


def _trained_on(info: Stated) -> Stated | None:
    """Training images of each class, by name."""
    balance = info.get("balance")
    return balance.get("counts") if balance is not None else None


def _predictions(run: Run, figures: Stated | None) -> Predictions | None:
    if figures is None or not run.predictions(figures.value["part"]).is_file():
        return None
    return Predictions.load(run.predictions(figures.value["part"]))


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
