"""An album of healthy photos that tests make sick, and the check of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sick_photos import write_album
from sightline.data.check.facts import Facts
from sightline.data.check.rules import check
from sightline.data.image import MOST_PIXELS
from sightline.data.read import read
from sightline.data.scan import scan
from sightline.findings import Finding


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty photos in two classes that nobody changes."""
    return write_album(tmp_path_factory.mktemp("healthy") / "album")


@pytest.fixture
def album(healthy: Path, tmp_path: Path) -> Path:
    """A copy for one test."""
    return Path(shutil.copytree(healthy, tmp_path / "album"))


@pytest.fixture
def checked() -> Callable[..., dict[str, Finding]]:
    """A function that checks a folder and gives the findings by rule."""

    def run(folder: Path, max_pixels: int = MOST_PIXELS) -> dict[str, Finding]:
        samples = read(folder)
        return {finding.rule: finding for finding in check(Facts(samples, scan(samples, None, max_pixels)))}

    return run
