"""Compare runs, or cross-validations: the same images, paired tests, and what each model costs."""

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sightline.config_file import load_resolved
from sightline.errors import ConfigError, RunError
from sightline.evaluation.compare import CHANGES, changed_rows, compare_predictions
from sightline.evaluation.judged import truths_told
from sightline.evaluation.predictions import Predictions
from sightline.files import whole_file
from sightline.run import Run
from sightline.workflow.folds import first_fold, is_folds, out_of_fold
from sightline.workflow.run_costs import costs_of
from sightline.workflow.same_images import Aligned, aligned
from sightline.workflow.say import Say
from sightline.workflow.stored import predictions_of, usual_part


def compare_runs(
    runs: Sequence[str | Path],
    *,
    part: str | None = None,
    common: bool = False,
    margin: float | None = None,
    changes: str | Path | None = None,
    costs: bool = True,
    say: Say | None = None,
) -> dict[str, Any]:
    """Say which of several trained runs is better on the same images, and whether that can be told at all.

    Stored predictions of the best checkpoints are used; where there are none, the run is evaluated. Seed, number of
    resamples and confidence are those of the first run.

    Args:
        runs: folders of two runs or more, or of cross-validations, which are compared out of fold and without costs.
        part: train, val or test; where missing, test, or val where the first run has no test part.
        common: compare on the images that all runs were measured on, where these differ.
        margin: a difference of the primary figure that does not matter; see ``compare_predictions``.
        changes: CSV to write, with the images that two runs answer differently.
        costs: also tell parameters, multiply-adds, bytes, latency, training time and energy.
        say: where notes go.

    Returns:
        What ``compare_predictions`` gives, with ``part``, ``left_out`` (images of each run) and ``costs`` of each run.

    Raises:
        RunError: there is no such run, one is given twice, or runs stand beside cross-validations.
        DataError: they were not measured on the same images, or answer different questions.
        ConfigError: no such part, or a margin that is none.
    """
    say, names = say or Say(quiet=True), [str(folder) for folder in runs]
    opened, folded = _opened(names)
    if margin is not None and not 0 < margin < float("inf"):
        raise ConfigError("a margin is a number above 0", where="--margin", got=margin)
    stored = _stored(names, opened, folded, part, say)
    same = aligned(opened, stored, common=common)
    if any(same.left_out):
        say.note(f"compared on {len(same.predictions[0])} images; left out of each run: {_counts(names, same)}")
    config = load_resolved(opened[0].config)
    document: dict[str, Any] = {
        "part": stored[0].part,
        "left_out": dict(zip(names, same.left_out, strict=True)),
    } | compare_predictions(
        dict(zip(names, same.predictions, strict=True)),
        resamples=config.evaluation.resamples,
        confidence=config.evaluation.confidence,
        seed=config.seed,
        groups=same.groups,
        margin=margin,
    )
    if changes is not None:
        _write_changes(Path(changes), names, same)
    if costs and not folded:
        for row, cost in zip(document["runs"], costs_of(opened, say), strict=True):
            row["costs"] = cost
    return document


def _opened(names: Sequence[str]) -> tuple[list[Run], bool]:
    """The runs, or the first folds of cross-validations, and which of the two they are."""
    folded = [is_folds(name) for name in names]
    opened = [first_fold(name) if fold else Run.open(name) for name, fold in zip(names, folded, strict=True)]
    if any(folded) and not all(folded):
        raise RunError("a run cannot be compared with a cross-validation", where="compare", got=", ".join(names))
    if len({Path(name).resolve() for name in names}) < max(2, len(opened)):
        raise RunError("two runs at least are compared, each once", where="compare", got=", ".join(names))
    return opened, any(folded)


def _stored(folders: Sequence[str], runs: Sequence[Run], folded: bool, part: str | None, say: Say) -> list[Predictions]:
    if folded:
        if part is not None:
            raise ConfigError("a cross-validation has no parts: every image is asked about once", where="--part")
        return [out_of_fold(folder) for folder in folders]
    part = usual_part(runs[0], part)
    if part != "test":
        flattered = "were trained" if part == "train" else "had their best checkpoint chosen"
        say.note(f"warning: the runs {flattered} on these images, and their figures on them flatter them")
    return [predictions_of(run, part, say) for run in runs]


def _counts(names: Sequence[str], same: Aligned) -> str:
    return ", ".join(f"{name} {count}" for name, count in zip(names, same.left_out, strict=True))


def _write_changes(path: Path, names: Sequence[str], same: Aligned) -> None:
    truths = truths_told(same.predictions[0])
    with whole_file(path, "w") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(CHANGES)
        for one, other in itertools.combinations(range(len(names)), 2):
            pair = same.predictions[one], same.predictions[other]
            rows.writerows(changed_rows(*pair, (names[one], names[other]), truths))
