"""Look at a data set before anything is trained on it."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightline.data.check.facts import Facts
from sightline.data.check.rules import SEVERITIES, check
from sightline.data.check.statistics import statistics
from sightline.data.derive import image_of
from sightline.data.exclude import write_quarantine
from sightline.data.near import near_pairs
from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.data.split import written
from sightline.data.split.units import with_groups
from sightline.errors import ConfigError, DataError, SplitError
from sightline.evaluation.check_page import check_page
from sightline.files import whole_file, write_json
from sightline.findings import Finding
from sightline.workflow.doubt import doubted_labels, foreign_images, refuse_half_asked
from sightline.workflow.intake import left_out, look_at, needed, read_data, with_what
from sightline.workflow.say import Say
from sightline.workflow.wishes import Settings, loaded_from, refuse_unheeded

SETTINGS = (
    "task.name",
    "data.targets",
    "data.reader",
    "data.root",
    "data.exclude",
    "data.max_pixels",
    "data.group",
    "data.val",
    "data.test",
)
"""Settings that a check heeds."""
SEEN = tuple(f"data.{name}" for name in ("image_size", "color", "resize", "interpolation", "mean", "std"))
"""Settings that it heeds where a model looks at the images."""


@dataclasses.dataclass(frozen=True, eq=False)
class Checked:
    """What a check found."""

    name: str
    """What the data set is called."""
    findings: list[Finding]
    """Errors first."""
    figures: dict[str, Any]
    """Figures about the whole; empty where the data could not be read at all."""
    samples: Samples | None
    """The samples; ``None`` where the data could not be read at all."""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready document."""
        return {"findings": [finding.as_dict() for finding in self.findings], "statistics": self.figures}


def check_data(
    data: str | Path,
    *,
    settings: Settings | None = None,
    run: str | Path | None = None,
    train_too: bool = False,
    say: Say | None = None,
) -> list[Finding]:
    """Read every image and apply every rule.

    Args:
        data: folder, archive, CSV or idx folder.
        settings: values by dotted path, or ``key=value`` words, of ``data.reader``, ``data.root`` and so on; see
            ``SETTINGS``. With ``model.name`` and ``model.weights`` images that are unlike the rest of their class are
            searched too.
        run: a trained run, whose predictions tell which labels are doubtful.
        train_too: whether to doubt also the labels that the run was trained on.
        say: where progress goes.

    Returns:
        The findings, errors first.

    Raises:
        DataError: there is no such data, or ``data.exclude`` does not fit it.
        ConfigError: a setting that a check does not heed, ``train_too`` without a run, or a model without weights.
        RunError: there is no such run, or it has not been trained.
    """
    return examine(data, settings=settings, run=run, train_too=train_too, say=say).findings


def examine(
    data: str | Path,
    *,
    settings: Settings | None = None,
    run: str | Path | None = None,
    train_too: bool = False,
    say: Say | None = None,
) -> Checked:
    """As ``check_data``, with the figures about the whole."""
    say = say or Say(quiet=True)
    loaded = loaded_from(data, None, settings)
    whole = loaded.config
    config = whole.data
    refuse_half_asked(whole, run, train_too)
    asked = whole.model.name != "auto"
    why = "a check only looks at the data" if asked else "a check without model.name and model.weights asks no model"
    refuse_unheeded(loaded, (*SETTINGS, *SEEN, "model.…") if asked else SETTINGS, why)
    name = Path(data).resolve().name
    try:
        samples, without = read_data(whole)
    except DataError as error:
        if not Path(data).expanduser().exists() or "data." in error.where:
            raise  # a mistake in the command, not in the data
        return Checked(name, [_unusable(error)], {}, None)
    if without:
        say.note(left_out(without))
    samples = with_groups(samples, config.group)
    facts = Facts(samples, look_at(samples, say, config.max_pixels), needed(config))
    say.note(f"{len(samples)} images {with_what(samples)}")
    with say.progress("comparing images") as progress:
        near_pairs(samples, facts.scan, progress)  # the rules about copies then find the pairs at hand
    found = check(facts)
    if run is not None:
        found += doubted_labels(run, Path(data), samples, facts.scan, train_too=train_too, say=say)
    if whole.model.name != "auto":
        found += foreign_images(whole, samples, facts.scan, say)
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Checked(name, found, statistics(facts), samples)


def write_check(checked: Checked, out: Path, data: str | Path) -> int:
    """Write ``check.json``, ``check.html`` and ``quarantine.csv`` into a folder, each whole or not at all.

    Returns:
        How many images the quarantine names.

    Raises:
        ConfigError: the folder is inside the data, where it would become a part of it.
        RunError: it cannot be written.
    """
    folder, source = out.expanduser().resolve(), Path(data).expanduser().resolve()
    if source.is_dir() and (folder == source or source in folder.parents):
        raise ConfigError(
            "the results would lie inside the data and be read as a part of it", where="--out", got=str(out),
            hint="give a folder elsewhere, such as --out ../check",
        )  # fmt: skip
    page = check_page(checked.name, checked.findings, checked.figures, _counts(checked.samples), _Pictures(checked))
    write_json(out / "check.json", checked.as_dict())
    with whole_file(out / "check.html", "w") as file:
        file.write(page)
    return write_quarantine(out / "quarantine.csv", checked.findings, checked.samples)


def _unusable(error: DataError) -> Finding:
    """What a reader refused, as a finding: there is nothing to look at, and the check ends with it."""
    got = f": {error.got}" if error.got is not None else ""
    return Finding(
        rule="labels.parts" if isinstance(error, SplitError) else "files.unusable",
        severity="error",
        message=f"{error.what}{got}" + (f" ({error.where})" if error.where else ""),
        remedy=error.hint or (f"allowed: {', '.join(error.allowed)}" if error.allowed else "see the message"),
    )


def _counts(samples: Samples | None) -> dict[str, dict[str, int]]:
    if samples is None:
        return {}
    parts = {name: place for place, name in enumerate(PARTS)} | {"unassigned": UNASSIGNED}
    held = {name: samples.counts(np.flatnonzero(samples.parts == place)) for name, place in parts.items()}
    return {
        name: {label: int(count) for label, count in zip(samples.classes, counts, strict=True)}
        for name, counts in held.items()
        if counts.sum()
    }


class _Pictures:
    """Finds the image of a path in a finding."""

    def __init__(self, checked: Checked):
        self.samples = checked.samples
        self.wanted = {path for finding in checked.findings for path in finding.paths}
        self.places: dict[str, int] | None = None

    def __call__(self, path: str) -> Any:
        if self.samples is None:
            return None
        if self.places is None:
            named = ((written(name), place) for place, name in enumerate(self.samples.paths))
            self.places = {name: place for name, place in named if name in self.wanted}
        if path not in self.places:
            return None
        image = image_of(self.samples, self.places[path])
        return Image.fromarray(image) if isinstance(image, np.ndarray) else image
