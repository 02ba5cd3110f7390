"""Whether a model's confidences can be believed, in sentences."""

from sightline.evaluation.page.markup import percent
from sightline.evaluation.page.stated import Stated

KEPT = 0.8
"""Share of the images whose answers are kept in the sentence about leaving unsure ones to a person."""


def how_sure(figures: Stated) -> list[str]:
    """Sentences of HTML: calibration, temperature, abstention; of numbers, whether they are off to one side."""
    if figures.value.get("kind") == "numbers":
        return _biases(figures)
    found = figures.get("calibration")
    if found is None:
        return []
    told = [_error(found, figures.value.get("kind", "class"))]
    raw = found.get("raw")
    if raw is not None:
        before = raw["ece"].percent()
        told.append(
            f"Logits are divided by a temperature of {found['temperature'].plain('.3g')}, fitted on validation images; "
            f"without it they would be off by {before}."
        )
    return told + _abstention(figures)


def _error(found: Stated, kind: str) -> str:
    ece = found["ece"]
    off, most = ece["value"].percent(), ece["chance_high"].percent()
    if not ece.value["real"]:
        return (
            f"Its confidences are off by {off} on average (expected calibration error), which is not above what chance "
            f"gives with so many images (up to {most}): no fault can be shown."
        )
    sure, right = found["mean_confidence"].percent(), found["accuracy"].percent()
    over = found.value["mean_confidence"] - found.value["accuracy"]
    if abs(over) < ece.value["value"] / 2:
        return (
            "<strong>Its confidences cannot be taken at their word:</strong> they are off by "
            f"{off} on average (expected calibration error), some too high and some too low, where chance gives up to "
            f"{most}."
        )
    if kind == "labels":
        which = "gives labels too high a probability" if over > 0 else "gives labels too low a probability"
        told = f"{sure} on average, where {right} are true"
    else:
        which = "is surer than it is right" if over > 0 else "is less sure than it could be"
        told = f"{sure} sure and {right} right on average"
    return (
        f"<strong>It {which}:</strong> {told}; its confidences are off by {off} (expected calibration error), where "
        f"chance gives up to {most}."
    )


def _abstention(figures: Stated) -> list[str]:
    if figures.get("abstention") is None:
        return []
    row = next((one for one in figures["abstention"]["for_coverage"] if one.value["wanted"] == KEPT), None)
    if row is None or row.value["coverage"] > 0.99:
        return []
    kept, right = row["coverage"].percent(0), row["accuracy"].percent()
    least = row["threshold"].shown(lambda value: percent(value, 0))
    return [f"Of the {kept} of answers that it is surest of ({least} or more), {right} are right."]


def _biases(figures: Stated) -> list[str]:
    """The numbers that are too large or too small on average, for certain."""
    told: list[str] = []
    for row in figures["per_target"]:
        bias = row.get("bias")
        if bias is None or bias.value["low"] is None or bias.value["low"] <= 0 <= bias.value["high"]:
            continue
        side = "large" if bias.value["value"] > 0 else "small"
        ends = " to ".join(bias[key].plain("+.3g") for key in ("low", "high"))
        off = bias["value"].size(".3g")
        told.append(f"<strong>It says numbers that are too {side}</strong>, by {off} on average ({ends}).")
    return told or ["On average it is neither too high nor too low for certain."]
