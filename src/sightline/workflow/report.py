"""Write a run's report page."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightline import plug
from sightline.config_file import load_resolved
from sightline.data.derive import image_of
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.errors import SightlineError
from sightline.evaluation.plots import draw_curves
from sightline.evaluation.report import write_report
from sightline.run import Run
from sightline.workflow.tasks import wanted_by


def report_run(run: str | Path) -> Path:
    """Write ``report.html`` into the run, and its curves as PNG.

    Raises:
        RunError: no such run, or its documents are damaged.
    """
    here = Run.open(run)
    plug.search_in(*here.user_folders())
    draw_curves(here.read_records(), here.plots)
    return write_report(here, _Pictures(here))


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
