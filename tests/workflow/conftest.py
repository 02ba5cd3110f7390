"""Data and a user's file for small trainings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from small_training import LOSS, write_pictures


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders, made once for all tests of this folder, which leave them as they are."""
    return write_pictures(tmp_path_factory.mktemp("pictures") / "pictures")


@pytest.fixture
def disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts ``disturbed.py`` into the working folder; the function says what ``disturbed:loss`` shall do."""
    (tmp_path / "disturbed.py").write_text(LOSS)
    monkeypatch.chdir(tmp_path)

    def at(wish: str) -> None:
        monkeypatch.setenv("SIGHTLINE_TEST_AT", wish)

    return at
