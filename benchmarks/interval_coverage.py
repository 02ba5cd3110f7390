"""How often 95 % intervals cover the truth, by simulation.

A population is made up in which the truth is known (from a million images). Parts are drawn from it as a split draws
them: image by image, with fixed sizes of the classes, or group by group. Of each part all figures are measured as
``sightline evaluate`` does, and it is counted whose intervals hold the truth.

python benchmarks/interval_coverage.py [--parts 1000] [--resamples 200] [--out FILE.md]
"""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import Names
from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.metrics import measure
from sightline.evaluation.predictions import Predictions

CLASSES = ("a", "b", "c")
SHARES = np.asarray([0.5, 0.3, 0.2])
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "macro_ap", "mcc", "kappa", "log_loss", "brier")
TRUTH = 1_000_000
"""Images that stand for the population."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of part."""

    name: str
    images: int
    """In each part."""
    skill: float
    """How far the logit of the true class is raised: 0 is chance."""
    how: str = "images"
    """How the part is drawn: images, classes or groups."""
    groups: int = 0
    """Of groups: how many."""
    alike: float = 0.0
    """Of groups: standard deviation of the skill between them."""


CASES = (
    Case("60 images", 60, 1.5),
    Case("200 images", 200, 1.5),
    Case("1000 images", 1000, 1.5),
    Case("100 images, 96 % right", 100, 3.0),
    Case("100 images, 99.9 % right", 100, 5.0),
    Case("100 images, little better than chance", 100, 0.3),
    Case("60 images, classes of fixed sizes", 60, 1.5, "classes"),
    Case("200 images, classes of fixed sizes", 200, 1.5, "classes"),
    Case("20 groups of about 10", 200, 1.5, "groups", 20, 1.0),
    Case("60 groups of about 5", 300, 1.5, "groups", 60, 1.0),
)


def drawn(case: Case, random: np.random.Generator, scale: int = 1) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Labels, logits and groups of one part, or of ``scale`` parts together."""
    images = case.images * scale
    if case.how == "classes":
        labels = np.repeat(np.arange(3), np.round(SHARES * images).astype(int))
    else:
        labels = random.choice(3, images, p=SHARES)
    groups = np.zeros(images, np.int64)
    skill = np.full(images, case.skill)
    if case.how == "groups":
        groups = random.integers(0, case.groups * scale, images)
        skill = skill + random.normal(0, case.alike, case.groups * scale)[groups]
    logits = random.normal(size=(images, 3))
    logits[np.arange(images), labels] += skill
    return labels, logits, groups


def measured(case: Case, part: tuple[NDArray[Any], ...], resamples: int, seed: int) -> dict[str, Any]:
    """The figures of one part, each with ``value``, ``low`` and ``high``."""
    labels, logits, groups = part
    predictions = Predictions(
        paths=Names.of(str(row) for row in range(len(labels))), labels=labels.astype(np.int32),
        logits=logits.astype(np.float32), classes=CLASSES, contract_hash="", weights_sha256="", part="test", source="",
    )  # fmt: skip
    codes = {"images": None, "classes": labels, "groups": groups}[case.how]
    design = IMAGES if codes is None else Design(case.how, codes)  # type: ignore[arg-type]
    found = measure(predictions, resamples=resamples, confidence=0.95, seed=seed, train_counts=[1, 1, 1], design=design)
    return found | {"log_loss": found["log_loss_interval"]}


def coverage(case: Case, parts: int, resamples: int, seed: int = 0) -> dict[str, float]:
    """Share of the parts whose interval holds the truth, for each figure that was defined."""
    random = np.random.default_rng(seed)
    truth = measured(case, drawn(case, random, max(1, TRUTH // case.images)), 2, seed)
    hits: dict[str, list[bool]] = {name: [] for name in FIGURES}
    for number in range(parts):
        found = measured(case, drawn(case, random), resamples, number)
        for name in FIGURES:
            one = found[name]
            if one["value"] is not None:
                hits[name].append(one["low"] <= truth[name]["value"] <= one["high"])
    return {name: float(np.mean(each)) for name, each in hits.items()}


def table(parts: int, resamples: int) -> str:
    """A Markdown table: a row for each case, a column for each figure, in percent."""
    rows = ["| part | " + " | ".join(name.replace("_", " ") for name in FIGURES) + " |"]
    rows.append("| --- |" + " ---: |" * len(FIGURES))
    for case in CASES:
        found = coverage(case, parts, resamples)
        rows.append(f"| {case.name} | " + " | ".join(f"{100 * found[name]:.1f}" for name in FIGURES) + " |")
        print(rows[-1], flush=True)
    return "\n".join(rows) + "\n"


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=int, default=1000, help="parts that are drawn for each row")
    parser.add_argument("--resamples", type=int, default=200, help="resamples behind each interval")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    given = parser.parse_args()
    text = table(given.parts, given.resamples)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
