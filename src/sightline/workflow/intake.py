"""Reading a data set and looking at every image of it, before anything else is done with it."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from sightline.config import RunConfig
from sightline.data.check.facts import Facts
from sightline.data.check.rules import QUICK, check
from sightline.data.config import DataConfig
from sightline.data.exclude import excluded
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.scan import Scan, declared, scan
from sightline.data.split import refuse_stated_changes
from sightline.errors import ConfigError, DataError, shortened
from sightline.files import sha256_of
from sightline.findings import Finding
from sightline.workflow.say import Say
from sightline.workflow.tasks import wanted_by

_TOLD_ELSEWHERE = {"files.ignored", "labels.few"}
"""Rules that say nothing to a training: it tells the one itself, and the split decides about the other."""


@dataclasses.dataclass(frozen=True, eq=False)
class Intake:
    """What a data set gave."""

    samples: Samples
    """The samples that take part."""
    facts: Scan
    """The facts about them."""
    skipped: list[str]
    """Images that were left out because they cannot be decoded, each with the reason."""
    findings: list[Finding]
    """What the quick rules of the check found among the samples."""
    excluded: dict[str, Any]
    """File, checksum and count of the images that ``data.exclude`` left out; empty where it names none."""

    def noted(self) -> dict[str, Any]:
        """What a run keeps of it."""
        found = [f"{finding.severity}: {finding.message} ({finding.rule})" for finding in self.findings]
        return {"skipped": self.skipped, "excluded": self.excluded, "findings": found}


def take_in(config: RunConfig, say: Say) -> Intake:
    """Read the data; refuse damaged images, or leave them out where the settings say so; apply the quick rules.

    Raises:
        DataError: images have no label or cannot be decoded, a class is left without any, or a rule finds an error.
        ConfigError: a setting has no effect on this data.
        ChangedDataError: files are no longer those whose checksums a split file states.
    """
    samples, without = read_data(config)
    if samples.ignored:
        say.note(f"passed over {len(samples.ignored)} files that are no images: {shortened(samples.ignored)}")
    if without:
        say.note(left_out(without))
    nameless = np.flatnonzero(samples.labels < 0) if samples.kind == "class" else ()
    if len(nameless):
        raise DataError(
            f"{len(nameless)} of {len(samples)} images have no label",
            where=str(samples.root),
            got=shortened([samples.paths[int(index)] for index in nameless[:5]]),
            hint="give them a label or leave them out; sightline predict labels them with a trained run",
        )
    # A packed data set says itself what was found when it was packed, and each image is compared with it when read.
    facts = declared(samples) or look_at(samples, say, config.data.max_pixels)
    samples, facts, told = _decodable(config.data, samples, facts, say)
    refuse_stated_changes(samples, np.arange(len(samples)), facts.sha256)
    looked = config.data.check != "off" and facts.measured
    findings = check(Facts(samples, facts, needed(config.data)), _RULES) if looked else []
    _tell(findings, config.data, say)
    return Intake(samples, facts, told, findings, without)


_RULES = {name: rule for name, rule in QUICK.items() if name not in _TOLD_ELSEWHERE}


def with_what(samples: Samples) -> str:
    """What is known of the images, in a few words: ``in 3 classes``."""
    count = len(samples.classes)
    if samples.kind == "class":
        return f"in {count} classes"
    if samples.kind == "labels":
        return f"with {count} label{'s' * (count > 1)}"
    return f"with {shortened(samples.classes)}"


def read_data(whole: RunConfig) -> tuple[Samples, dict[str, Any]]:
    """The samples without those that ``data.exclude`` names, and what there is to say about the latter.

    Raises:
        DataError: the data or the table cannot be used.
        ConfigError: ``data.max_pixels`` has no effect on this data.
    """
    config = whole.data
    wanted = dataclasses.replace(wanted_by(whole), by=whole.evaluation.groups)
    samples = read(config.path, config.reader, config.root, wanted)
    _refuse_empty_labels(samples)
    if samples.pixels is not None and config.max_pixels != DataConfig().max_pixels:
        raise ConfigError(
            "data.max_pixels has no effect: the images are arrays, which need no decoding",
            where="data.max_pixels",
            got=config.max_pixels,
            hint="remove it",
        )
    if not config.exclude:
        return samples, {}
    kept = excluded(samples, config.exclude)
    count = len(samples) - len(kept)
    return kept, {"file": config.exclude, "sha256": sha256_of(Path(config.exclude).expanduser()), "count": count}


def _refuse_empty_labels(samples: Samples) -> None:
    """Labels that no image has cannot be learnt."""
    empty = [samples.classes[place] for place in np.flatnonzero(samples.counts() == 0)]
    if samples.kind == "labels" and (empty or not samples.classes):
        raise DataError(
            "no image has a label" if not samples.classes else "labels that no image has",
            where=str(samples.root), got=shortened(empty) or None, hint="give images that have them, or leave them out",
        )  # fmt: skip


def left_out(without: dict[str, Any]) -> str:
    """What ``read_data`` left out, in a line."""
    return f"left out {without['count']} image{'' if without['count'] == 1 else 's'} that {without['file']} names"


def needed(config: DataConfig) -> int:
    """Images that a class needs for the parts that the split makes."""
    return 1 + (config.val > 0) + (config.test > 0)


def look_at(samples: Samples, say: Say, max_pixels: int) -> Scan:
    """Decode, hash and measure every sample, with a bar."""
    with say.progress("looking at every image") as progress:
        return scan(samples, progress, max_pixels)


def _decodable(config: DataConfig, samples: Samples, facts: Scan, say: Say) -> tuple[Samples, Scan, list[str]]:
    """The samples that can be decoded, and those that cannot, each with the reason."""
    told = [f"{samples.paths[index]}: {why}" for index, why in sorted(facts.faults.items())]
    if told and config.on_error == "stop":
        raise DataError(
            f"{len(told)} of {len(samples)} images cannot be decoded",
            where=str(samples.root),
            got=shortened(told),
            hint="repair or remove them, or leave them out with -s data.on_error=skip",
        )
    if told:
        say.note(f"left out {len(told)} images that cannot be decoded:")
        for line in told:
            say.note(f"  {line}")
        good = np.asarray([index for index in range(len(samples)) if index not in facts.faults], np.int64)
        _refuse_lost_classes(samples, good)
        samples, facts = samples.take(good), facts.take(good)
    return samples, facts, told


def _tell(findings: list[Finding], config: DataConfig, say: Say) -> None:
    """Refuse errors unless told otherwise; tell warnings in a line each, and count the notes."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors and config.check == "stop":
        raise DataError(
            "; ".join(f"{error.rule}: {error.message}" for error in errors),
            where=f"found by the check of {config.path}",
            hint=f"sightline check {config.path} shows them and writes quarantine.csv, which -s "
            "data.exclude=check/quarantine.csv leaves out; or -s data.check=warn to go on as it is",
        )
    for finding in findings:
        if finding.severity != "note":
            say.note(f"{finding.severity}: {finding.message} ({finding.rule})")
    if findings:
        say.detail(f"sightline check {config.path} shows what was found in the data")


def _refuse_lost_classes(samples: Samples, good: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    lost = np.flatnonzero((samples.counts() > 0) & (samples.counts(good) == 0))
    if len(lost):
        names = [samples.classes[place] for place in lost]
        raise DataError("no image of these classes can be decoded", where=str(samples.root), got=shortened(names))
