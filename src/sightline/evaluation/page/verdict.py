"""The verdict on a run in plain words: how good, how sure, where it fails, why, and what to do next."""

import dataclasses
from collections.abc import Sequence

from sightline.evaluation.page.how_good import WIDE, how_good
from sightline.evaluation.page.how_sure import how_sure
from sightline.evaluation.page.markup import count, name, text
from sightline.evaluation.page.stated import Stated
from sightline.evaluation.page.where import is_worse, where_it_fails

MOST_TOLD = 3
"""Findings that the verdict tells in full; the section about the diagnosis has all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What the verdict is made of."""

    folder: str
    """The run, as a command names it."""
    figures: Stated | None = None
    """``predictions/PART.json``; none: never evaluated."""
    findings: Stated | None = None
    """The list in ``findings.json``; none: never diagnosed."""
    checked: Stated | None = None
    """What the check of the data said before the training, a line each; none: nothing, or it was not asked."""
    counts: Stated | None = None
    """Training images of each class, by name; none: not known."""


@dataclasses.dataclass(frozen=True)
class Said:
    """One part of the verdict."""

    about: str
    """What question it answers, such as ``How good``."""
    sentences: Sequence[str]
    """HTML; at least one."""


def verdict(facts: Facts) -> list[Said]:
    """The parts of the verdict in the order in which they are read; those with nothing to say are left out."""
    parts: list[Said] = []
    if facts.figures is not None:
        parts += [
            Said("How good", how_good(facts.figures)),
            Said("How sure of itself", how_sure(facts.figures)),
            Said("Where it fails", where_it_fails(facts.figures)),
        ]
    parts += [Said("Why", [*_training(facts), *_checked(facts)]), Said("What next", _next(facts))]
    return [part for part in parts if part.sentences]


def verdict_html(parts: Sequence[Said]) -> str:
    """The verdict as paragraphs, each begun by the question that it answers."""
    return "".join(
        f'<p class="verdict"><span class="ask">{text(part.about)}.</span> {" ".join(part.sentences)}</p>'
        for part in parts
    )


def _training(facts: Facts) -> list[str]:
    if facts.findings is None:
        return []
    serious = _serious(facts)
    counts = {key: sum(one.value["severity"] == key for one in facts.findings) for key in ("error", "warning", "note")}
    if not serious:
        notes = f" ({count(counts['note'], 'note')} below)" if counts["note"] else ""
        return [f"The diagnosis finds no fault in the training{notes}."]
    told = " and ".join(count(counts[key], key) for key in ("error", "warning") if counts[key])
    sentences = [f"The diagnosis of the training has {told}."]
    sentences += [
        f"<strong>{text(one.value['severity'].capitalize())}:</strong> {one['message'].shown(str)} "
        f"(<code>{text(one.value['rule'])}</code>)."
        for one in serious[:MOST_TOLD]
    ]
    if len(serious) > MOST_TOLD:
        left = len(serious) - MOST_TOLD
        sentences.append("The other one is below." if left == 1 else f"The other {left} are below.")
    return sentences


def _checked(facts: Facts) -> list[str]:
    """Errors of the data that the training was let through with."""
    wrong = [line for line in facts.checked or () if line.value.startswith("error: ")]
    return [f"The data has faults: {line.shown(lambda words: words.removeprefix('error: '))}." for line in wrong[:2]]


def _serious(facts: Facts) -> list[Stated]:
    return [one for one in facts.findings or () if one.value["severity"] in ("error", "warning")]


def _next(facts: Facts) -> list[str]:
    sentences: list[str] = []
    if facts.figures is None:
        sentences.append(f"Measure it: <code>sightline evaluate {text(facts.folder)}</code>.")
    sentences += _remedies(facts)
    if facts.figures is not None:
        if _beaten(facts.figures) and not sentences:
            sentences.append(
                "Before anything else it has to beat that baseline: train for longer or with a larger network, look "
                "for a rate with <code>sightline lr-find</code>, and at what the network is shown with "
                "<code>sightline augment</code>."
            )
        sentences += _more_images(facts, facts.figures)
        if not sentences:
            sentences.append(
                "Nothing stands out. Look at the worst mistakes for wrong labels, then compare with another run: "
                f"<code>sightline report {text(facts.folder)} OTHER</code>."
            )
    return sentences


def _remedies(facts: Facts) -> list[str]:
    """Settings of all errors and warnings, in their order; in words what is no setting."""
    serious = _serious(facts)
    words = dict.fromkeys(word for one in serious for word in one.value.get("settings", ()))
    settings = " ".join(f"<code>-s {text(word)}</code>" for word in words)
    told = (
        [
            f"Train with {settings}; <code>sightline diagnose {text(facts.folder)} --apply mended.yaml</code> writes "
            "that down."
        ]
        if settings
        else []
    )
    rest = [one for one in serious if not one.value.get("settings")]
    return told + [f"{_sentence(one.value['remedy'])} (<code>{text(one.value['rule'])}</code>)." for one in rest[:2]]


def _more_images(facts: Facts, figures: Stated) -> list[str]:
    """Classes that are truly worse want more images, and so does a part whose interval is wide."""
    rows = figures["slices"]["rows"] if figures.get("slices") else ()
    poor = [row for row in rows if row.value["column"] == "class" and is_worse(row, figures)]
    poor.sort(key=lambda row: row.value["gap"]["value"])
    if _beaten(figures):
        poor = []  # what is no better than a baseline has another fault than a lack of images
    told = [_more_of(row.value["group"], facts.counts) for row in poor[:2]]
    figure = figures.get({"labels": "jaccard", "numbers": ""}.get(figures.value.get("kind", ""), "accuracy"))
    ends = {} if figure is None else figure.value
    if ends.get("low") is not None and ends["high"] - ends["low"] > WIDE:
        told.append(
            "Hold out more images, or judge by cross-validation (<code>sightline train --folds 5</code>), before "
            "settings are compared."
        )
    return told


def _beaten(figures: Stated) -> bool:
    """Whether a baseline does as well or better."""
    return any(row.value["verdict"] != "better" for row in figures.get("baselines") or ())


def _more_of(label: str, counts: Stated | None) -> str:
    have = counts.get(label) if counts is not None else None
    known = "" if have is None else f": the training part has {have.plain(',')}"
    return f"Get more images of {name(label)}{known}."


def _sentence(words: str) -> str:
    return text(words[:1].upper() + words[1:])
