"""The command line in this process, and one run on real digits that the verbs work on."""

import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ranks import Alone
from sightline.cli import main
from sightline.demo import write_digits
from small_training import train_small, write_pictures


@dataclasses.dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """A function that runs ``sightline`` with these words, as the console script does."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["sightline", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code if isinstance(code, int) else int(code is not None), printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scikit-learn's 1,797 handwritten digits as class folders."""
    folder = tmp_path_factory.mktemp("digits") / "digits"
    write_digits(folder)
    return folder


@pytest.fixture(scope="session")
def digits_run(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows the digits a little: right often, and wrong often enough for a comparison to mean something."""
    run = tmp_path_factory.mktemp("runs") / "digits"
    changes = {"data.image_size": None, "data.limit": 640, "train.batch_size": 32, "train.steps": 60}
    train_small(digits, run, **changes, **{"train.evaluate": "20st", "train.save": "20st", "train.lr": 0.01})
    return run


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders that nobody changes."""
    return write_pictures(tmp_path_factory.mktemp("noise") / "noise")


@pytest.fixture(scope="module")
def bundle(digits_run: Path) -> Path:
    """The run's bundle, by the command itself."""
    done = Alone("export", str(digits_run), "--to", "onnx")
    assert done.end() == 0, done.told()
    assert done.out() == f"bundle {digits_run / 'bundle'}\n"
    assert re.search(r"gate passed on \d+ images: largest logit error", done.told())
    assert f"next: see {digits_run / 'bundle' / 'card.md'}" in done.told()
    return digits_run / "bundle"
