"""docs/hospital.md: what the hospital found, in tables."""

import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hospital_patients import HEALTHY, MIXED, SICK
from hospital_visitors import NAMES

Results = Mapping[str, Mapping[str, Any]]
"""By patient and seed, ``overfitting/0``."""


def write_page(results: Results, path: Path) -> str:
    """Write the page; a line about the whole of it."""
    cured = [_CURED, *_cured(results), *_still(results)]
    text = "\n".join([_HEAD, *_sick(results), _MIXED, *_mixed(results), *cured, *_healthy(results)])
    path.write_text(text + "\n", encoding="utf-8")
    return f"{path}: {len(results)} runs"


WELL = (*(patient.name for patient in HEALTHY), *NAMES)
"""Names of all healthy trainings."""


def runs_of(name: str, results: Results) -> list[Mapping[str, Any]]:
    """The results of a patient, over its seeds."""
    return [found for key, found in results.items() if key.rpartition("/")[0] == name]


def _sick(results: Results) -> list[str]:
    healthy = [found for name in WELL for found in runs_of(name, results)]
    lines: list[str] = []
    for patient in SICK:
        runs, rule = runs_of(patient.name, results), patient.rules[0]
        hits = [found["rules"][rule] for found in runs if rule in found["rules"]]
        false = sum(rule in found["rules"] for found in healthy)
        when = [hit["step"] for hit in hits if hit["step"] is not None]
        told = (
            f"{statistics.median(when):.0f} of {statistics.median(found['steps'] for found in runs):.0f}"
            if when
            else "at the end"
        )
        lines.append(
            f"| [{rule}](diagnosis.md#{rule}) | {patient.disease} | {len(hits)} of {len(runs)} | {told} | "
            f"{false} of {len(healthy)} |"
        )
    return lines


def _mixed(results: Results) -> list[str]:
    lines: list[str] = []
    for patient in MIXED:
        runs = runs_of(patient.name, results)
        for rule in patient.rules:
            hits = sum(rule in found["rules"] for found in runs)
            lines.append(f"| {patient.disease} | [{rule}](diagnosis.md#{rule}) | {hits} of {len(runs)} |")
    return lines


_WORDS = {
    "val_loss": "validation loss at the end",
    "val_accuracy": "best validation accuracy",
    "rare_recall": "recall of the rare classes",
    "waiting": "share of the time waiting",
}


def _cured(results: Results) -> list[str]:
    lines: list[str] = []
    for patient in SICK:
        cures = [found["cure"] for found in runs_of(patient.name, results) if "cure" in found]
        if not cures:
            continue
        rule = patient.rules[0]
        before, after = (_spread([cure[when] for cure in cures]) for when in ("before", "after"))
        settings = " ".join(f"`{word}`" for word in cures[0]["settings"])
        gone = sum(rule not in cure["left"] for cure in cures)
        lines.append(f"| {rule} | {_WORDS[patient.cured]} | {before} | {after} | {gone} of {len(cures)} | {settings} |")
    return lines


def _still(results: Results) -> list[str]:
    """What mended runs hear in the place of what they were cured of."""
    lines: list[str] = []
    for patient in SICK:
        left = [rule for found in runs_of(patient, results) for rule in found.get("cure", {}).get("left", [])]
        others = [f"{rule} ({left.count(rule)})" for rule in dict.fromkeys(left) if rule != patient.rules[0]]
        lines += [f"- {patient.rules[0]}: {', '.join(others)}"] if others else []
    return ["", "What mended runs hear in its place, and how many of them:", "", *lines] if lines else []


def _spread(values: list[float]) -> str:
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return "none"
    return f"{statistics.median(known):.3f} ({min(known):.3f} to {max(known):.3f})"


def _healthy(results: Results) -> list[str]:
    healthy = {name: runs_of(name, results) for name in WELL}
    count = sum(map(len, healthy.values()))
    loud = [(name, found) for name, runs in healthy.items() for found in runs if found["rules"]]
    told = [f"- {name}: {heard(found)}" for name, found in loud]
    names = ", ".join(f"{name} ({len(runs)})" for name, runs in healthy.items() if runs)
    return [
        "\n## Healthy runs\n",
        f"{count} trainings with nothing wrong: {names}. Of these, {count - len(loud)} heard of nothing at all.",
        *(["", "What the others heard:", "", *told] if told else []),
    ]


def heard(found: Mapping[str, Any]) -> str:
    """Rules and what they said."""
    return ", ".join(f"{rule} ({one['message']})" for rule, one in found["rules"].items())


_HEAD = """# The hospital

Do the rules find what they are for, and nothing else? Trainings are made sick on purpose, one for each rule and some
with two diseases, each with several seeds, and others are healthy; all are diagnosed while they train and at their end.
The data is the 1,797 real handwritten digits that the demo comes with, the networks are small, and a run takes some
seconds. `scripts/hospital` makes all of it and this page; it can be interrupted and goes on.

Steps until a rule spoke are those after which it was told of while the run went on (the median over the seeds); "at the
end" is said of rules that need what is known only then. False alarms are counted over the healthy runs below, asked
at every evaluation and at its end.

Rules and patients were mended while the hospital was built. The last time all of it was made from nothing, five rules
(`overfitting`, `plateau`, `eager_stop`, `data_bound`, `slow_settings`) were found in fewer than nine patients of ten,
and `label_noise` spoke about healthy trainings on clothes: small networks confidently disbelieve 6 % of their labels.
So its threshold was raised from 5 to 6 %; patients of `overfitting`, `plateau`, `eager_stop` and `label_noise` were
made more clearly ill; those of `data_bound` and `slow_settings` had lost only some seconds to their disease on that
quick machine, which no rule minds, and lose more now. These, `noisy_metric` (whose validation images may not lack a
class) and what has to do with doubtful labels were made again, the others not. A patient here shows that a rule works
as meant on a clear case. It does not show how often it is right on photographs and large networks.

## One disease each

| rule | disease | found | after steps | false alarms |
| --- | --- | --- | --- | --- |"""
_MIXED = """
## Two diseases at once

| diseases | rule | found |
| --- | --- | --- |"""
_CURED = """
## Cures

The settings that `sightline diagnose RUN --apply NEW.yaml` wrote, trained with: median and range over the seeds,
sick and mended, and in how many mended runs the rule is silent.

| rule | figure | sick | mended | silent then | settings |
| --- | --- | --- | --- | --- | --- |"""
