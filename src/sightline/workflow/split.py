"""Freeze a split before any training."""

import dataclasses
from pathlib import Path
from typing import Any

from sightline.config_file import Loaded, refuse_useless, resolve
from sightline.data.samples import Samples
from sightline.data.split import fold_parts, split, write_splits
from sightline.data.split.mix import Mix
from sightline.errors import ConfigError
from sightline.workflow.divide import Together, bind, refuse_idle
from sightline.workflow.intake import take_in
from sightline.workflow.say import Say
from sightline.workflow.split_report import require_known_form, write_report
from sightline.workflow.wishes import Settings, read_settings, refuse_unheeded

SETTINGS = (
    "seed",
    "task.name",
    *(f"data.{name}" for name in ("targets", "reader", "root", "exclude", "check", "on_error", "max_pixels")),
    *(f"data.{name}" for name in ("val", "test", "group", "duplicates", "time")),
)
"""Settings that a split heeds."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Divided:
    """The split files that were written."""

    files: dict[Path, Mix]
    """Each file, in the order of the folds, with the class mix of its parts."""
    root: str
    """What its paths are relative to: the value of ``data.root`` for a training on it; empty where none can be."""
    report: Path | None
    """The report, where one was asked for."""

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """For each class how many images each part got, in the first file."""
        return next(iter(self.files.values())).by_class()


def split_data(
    data: str | Path,
    *,
    settings: Settings | None = None,
    out: str | Path,
    folds: int = 0,
    report: str | Path | None = None,
    say: Say | None = None,
) -> Divided:
    """Divide a data set and write the result as CSV.

    Args:
        data: folder, archive, CSV or idx folder.
        settings: values by dotted path, or ``key=value`` words; see ``SETTINGS``.
        out: the CSV to write, with path, label, part and checksum.
        folds: instead of one split write this many, ``split.fold0.csv`` …, each with another fold as its test part.
        report: JSON or Markdown to write about what was done.
        say: where notes go.

    Raises:
        ConfigError: settings that do nothing here, or a file that must not be written.
        DataError: images cannot be decoded.
        SplitError: the parts cannot be made.
    """
    say, data, out, report = say or Say(quiet=True), str(data), Path(out), None if report is None else Path(report)
    loaded = read_settings(data, None, settings)
    config = loaded.config
    refuse_unheeded(loaded, SETTINGS, "a split only reads the data and divides it")
    refuse_useless(resolve(config, {"data.test": 0}) if folds else config, loaded.origins)
    if folds and folds < 2:
        raise ConfigError("there are at least two folds", where="--folds", got=folds, allowed=["a whole number from 2"])
    paths = [out.with_name(f"{out.stem}.fold{fold}{out.suffix}") for fold in range(folds)] or [out]
    require_known_form(report)
    _require_other_files(data, paths, report)
    taken = take_in(config, say)
    samples, facts = taken.samples, taken.facts
    refuse_idle(config, loaded.origins, samples, say, folds=folds)
    bound = bind(config, samples, facts, say)
    made = dict(zip(paths, _made(loaded, bound, folds), strict=True))
    write_splits(made, facts)
    _tell_older_folds(out, folds, say)
    files = {path: Mix.of(one) for path, one in made.items()}
    if report is not None:
        write_report(report, about(loaded, bound, folds), files)
    return Divided(files=files, root=_root(config.data.root, data, samples), report=report)


def _made(loaded: Loaded, bound: Together, folds: int) -> list[Samples]:
    config = loaded.config
    data, samples, units = config.data, bound.samples, bound.units
    if folds:
        return fold_parts(samples, folds=folds, val=data.val, seed=config.seed, units=units)
    return [split(samples, val=data.val, test=data.test, seed=config.seed, units=units, by_time=data.time)]


def about(loaded: Loaded, bound: Together, folds: int) -> dict[str, Any]:
    """What the report says beside the files: settings, groups, copies."""
    config, samples = loaded.config, bound.samples
    names = ("val", "test", "group", "duplicates", "time", "reader", "root", "on_error")
    used = {f"data.{name}": getattr(config.data, name) for name in names if not (folds and name == "test")}
    groups = {} if samples.groups is None else _group_sizes(samples)
    return {
        "data": config.data.path,
        "settings": {"seed": config.seed, **used} | ({"folds": folds} if folds else {}),
        "images": len(samples),
        "groups": groups,
        "copies": [[samples.paths[int(place)] for place in members] for members in bound.copies()],
        "across_given_parts": [[samples.paths[int(place)] for place in members] for members in bound.torn()],
    }


def _group_sizes(samples: Samples) -> dict[str, int]:
    counts = dict.fromkeys(samples.group_names, 0)
    for code in samples.groups if samples.groups is not None else ():
        counts[samples.group_names[code]] += 1
    return {name: count for name, count in counts.items() if count}


def _require_other_files(data: str, paths: list[Path], report: Path | None) -> None:
    """A split never writes over the table that it is made from, nor a report over a split."""
    source = Path(data).expanduser().resolve()
    for path in paths:
        if path.resolve() == source:
            raise ConfigError(
                "the split would be written over the data set itself", where="--out", got=str(path),
                hint="give another name with --out",
            )  # fmt: skip
    if report is not None and report.resolve() in {source, *(path.resolve() for path in paths)}:
        raise ConfigError(
            "the report would be written over the split or the data set", where="--report", got=str(report)
        )  # fmt: skip


def _tell_older_folds(out: Path, folds: int, say: Say) -> None:
    if not folds:
        return
    names = {f"{out.stem}.fold{fold}{out.suffix}" for fold in range(folds)}
    older = sorted(path.name for path in out.parent.glob(f"{out.stem}.fold*{out.suffix}") if path.name not in names)
    if older:
        say.note(f"of another division, left as they are: {', '.join(older)}")


def _root(root: str, data: str, samples: Samples) -> str:
    """What to give as ``data.root`` with the new file."""
    if samples.pixels is not None:
        return ""
    return (root or str(samples.root)) if samples.format == "csv" else data
