"""The images of a run, or of a cross-validation, that a person should look at."""

import csv
from pathlib import Path
from typing import Any

from sightline.data.samples import PARTS
from sightline.errors import ConfigError
from sightline.evaluation.doubtful import COLUMNS, error_lists, table_rows
from sightline.files import whole_file
from sightline.run import Run
from sightline.workflow.folds import is_folds, out_of_fold
from sightline.workflow.say import Say
from sightline.workflow.stored import predictions_of, usual_part


def find_errors(
    run: str | Path,
    *,
    part: str | None = None,
    most: int = 50,
    out: str | Path | None = None,
    say: Say | None = None,
) -> dict[str, Any]:
    """List the worst answers, the least sure ones and the labels that are likely wrong.

    Of a cross-validation every image is judged by the model that was not trained on it. Of a run these are the images
    of one part; stored predictions are used, and where there are none the run is evaluated.

    Args:
        run: folder of a run or of a cross-validation.
        part: train, val or test of a run; where missing, test, or val where there is no test part.
        most: entries of each list at most.
        out: CSV to write, with all lists.
        say: where notes go.

    Returns:
        What ``error_lists`` gives.

    Raises:
        RunError: there is no such folder, or its folds are not all trained.
        ConfigError: a part of a cross-validation, which has none, or no such part.
    """
    say, folder = say or Say(quiet=True), Path(run)
    if most < 1:
        raise ConfigError("lists hold one entry at least", where="--most", got=most)
    if part is not None and part not in PARTS:
        raise ConfigError(f"unknown part '{part}'", where="--part", allowed=PARTS)
    if is_folds(folder):
        if part is not None:
            raise ConfigError("a cross-validation has no parts: every image is asked about once", where="--part")
        own = out_of_fold(folder)
    else:
        here = Run.open(folder)
        own = predictions_of(here, usual_part(here, part), say)
        if own.part == "train":
            say.note("warning: the model was trained on these images and believes their labels, right or wrong")
    lists = error_lists(own, most)
    if out is not None:
        with whole_file(Path(out), "w") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(COLUMNS)
            rows.writerows(table_rows(lists))
    return lists
