"""Write a run's report page, or the page that compares several."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightline import plug
from sightline.config_file import load_resolved
from sightline.data.derive import image_of
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.errors import ConfigError, ImageError, RunError, SightlineError
from sightline.evaluation.comparison import write_comparison
from sightline.evaluation.plots import draw_curves
from sightline.evaluation.report import write_report
from sightline.run import Run
from sightline.workflow.compare import compare_runs
from sightline.workflow.diagnose import diagnose_run
from sightline.workflow.explain import overlay_of
from sightline.workflow.folds import first_fold, is_folds
from sightline.workflow.live import told_before, write_findings
from sightline.workflow.say import Say
from sightline.workflow.tasks import wanted_by
from sightline.workflow.trained import TrainedModel, best_weights, open_trained


def report_run(run: str | Path, *others: str | Path, common: bool = False, say: Say | None = None) -> Path:
    """Write ``report.html`` into the run, and its curves as PNG; of several runs ``comparison.html`` into the first.

    Args:
        run: the run folder.
        others: runs to compare with, or cross-validations beside a cross-validation; see ``compare_runs``.
        common: compare on the images that all runs were measured on, where these differ.
        say: where notes of a comparison go.

    Returns:
        The path of the page.

    Raises:
        RunError: no such run, or its documents are damaged.
        DataError: the runs were not measured on the same images, or answer different questions.
        ConfigError: ``common`` with one run.
    """
    if others:
        return _compared([str(one) for one in (run, *others)], common, say)
    if common:
        raise ConfigError(
            "one run has all its images in common with itself", where="--common", hint="give several runs"
        )
    here = Run.open(run)
    if here.info().get("best_weights_sha256") is None and (best := best_weights(here)) is not None:
        with contextlib.suppress(RunError), here.locked():  # not while it is being trained
            here.note(best_weights_sha256=best)  # the training was killed: figures of before may be those of others
    plug.search_in(*here.user_folders())
    _ask_again(here)
    draw_curves(here.read_records(), here.plots)
    pictures = _Pictures(here)
    return write_report(here, pictures, _Overlays(here, pictures))


def _ask_again(run: Run) -> None:
    """Ask the rules of a training that is over once more: predictions that were stored since then tell more."""
    if not run.findings.is_file() or run.info().get("state") != "done":
        return
    with contextlib.suppress(SightlineError):  # what was found at its end stays
        write_findings(run, diagnose_run(run.folder), told_before(run))


def _compared(names: list[str], common: bool, say: Say | None) -> Path:
    found = compare_runs(names, common=common, say=say)
    folded = is_folds(names[0])
    runs = {name: first_fold(name) if folded else Run.open(name) for name in names}
    records = {} if folded else {name: run.read_records() for name, run in runs.items()}
    settings = {name: run.info().get("settings") or {} for name, run in runs.items()}
    return write_comparison(Path(names[0]) / "comparison.html", found, records, settings)


class _Pictures:
    """Finds the image of a path in the run's data, which is read when the first one is asked for."""

    def __init__(self, run: Run):
        self.run = run
        self.samples: Samples | None = None
        self.places: dict[str, int] = {}
        self.gone = False

    def __call__(self, path: str) -> Any:
        if self.samples is None and not self.gone:
            self._open()
        if self.samples is None or path not in self.places:
            return None
        image = image_of(self.samples, self.places[path])
        return Image.fromarray(image) if isinstance(image, np.ndarray) else image

    def _open(self) -> None:
        whole = load_resolved(self.run.config)
        config = whole.data
        try:
            self.samples = read(config.path, config.reader, config.root, wanted_by(whole))
        except SightlineError:
            self.gone = True
        else:
            self.places = {name: place for place, name in enumerate(self.samples.paths)}


class _Overlays:
    """Asks the trained model what it looked at; where that cannot be had, the page does without.

    Args:
        run: holds the model, which is opened when the first map is asked for.
        pictures: gives the images.
    """

    def __init__(self, run: Run, pictures: _Pictures):
        self.run, self.pictures = run, pictures
        self.model: TrainedModel | None = None
        self.gone = False

    def __call__(self, path: str, asked: str) -> Image.Image | None:
        try:
            image = None if self.gone else self.pictures(path)
        except ImageError:  # told where the image itself would be
            return None
        if image is None:
            return None
        try:
            self.model = self.model or open_trained(self.run)
            return overlay_of(self.model, image, asked)
        except SightlineError:
            self.gone = True
            return None
