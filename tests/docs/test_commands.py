"""Every command and every piece of Python in README and docs is run, page by page, in a folder as the pages assume it.

In that folder lie ``photos/``, ``photos.csv`` and ``my-picture.jpg``: pieces of real photos, small enough that the
built-in cnn is chosen and nothing is fetched. A page that does not make the run ``runs/first`` itself finds it there.

Two things differ from what a reader does: a training that names no length of its own gets ``QUICK`` appended, and the
examples that a page imports by ``my_…`` lie in the folder already. Of the output, every line that a page shows must
come, in that order; numbers, checksums and class names may differ, and ``…`` stands for anything.
"""

import contextlib
import io
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from markdown_pages import README, ROOT, Command, blocks, commands, pages

from sample_photos import CLASSES, write_photos
from sightline.cli import main

QUICK = "-s train.steps=12 -s train.precision=fp32 -s train.layout=contiguous -s train.threads=1"
MAKE_FIRST = "sightline train photos/ --run runs/first"
RUN = [page for page in pages() if page.name != "README.zh-CN.md" and "decisions" not in page.parts]


def call(line: str) -> tuple[int, str]:
    """Exit code and output (both streams, in order) of a command line, run in this process."""
    if line.startswith("sightline train") and "train.epochs" not in line and "train.steps" not in line:
        line = f"{line} {QUICK}"
    output, arguments, code = io.StringIO(), sys.argv, 0
    sys.argv = shlex.split(line)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.argv = arguments
    return code, output.getvalue()


def shape_of(line: str) -> re.Pattern[str]:
    """What a line of output must look like to be the one that a page shows."""
    any_class = "|".join(CLASSES)
    pieces = {
        r"…": ".*",
        r"\b[0-9a-f]{64}\b": "[0-9a-f]{64}",
        r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?": r"[-+]?\\d+(?:\\.\\d+)?(?:e[-+]?\\d+)?",
        rf"\b(?:{any_class})\b": f"(?:{any_class})",
        r"[ ━─]+": "[ ━─]+",
    }
    places = re.compile("|".join(f"({piece})" for piece in pieces))
    shapes = [shape.replace("\\\\", "\\") for shape in pieces.values()]
    parts, end = [], 0
    for match in places.finditer(line.strip()):
        parts += [re.escape(line.strip()[end : match.start()]), shapes[(match.lastindex or 1) - 1]]
        end = match.end()
    return re.compile("".join([*parts, re.escape(line.strip()[end:])]))


def check_output(command: Command, output: str) -> None:
    """Every line shown was told, in that order."""
    told = iter(output.splitlines())
    for line in command.shown:
        shape = shape_of(line)
        assert any(shape.fullmatch(one.strip()) for one in told), (
            f"{command.where}: {command.words} does not print\n  {line}\nbut\n{output}"
        )


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the photos and with the run that the pages go on from."""
    folder = tmp_path_factory.mktemp("docs")
    write_photos(folder)
    for example in (ROOT / "examples").glob("*.py"):
        shutil.copy(example, folder)
    with contextlib.chdir(folder):
        code, output = call(MAKE_FIRST)
    assert code == 0, output
    return folder


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands(page: Path, first_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    runnable = [block for block in blocks(page) if block.language in ("console", "python")]
    if not runnable:
        return
    shutil.copytree(first_run, tmp_path, dirs_exist_ok=True)
    if any(MAKE_FIRST in block.text for block in runnable):
        shutil.rmtree(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    last, names = 0, {}
    for block in runnable:
        if block.language == "python":
            exec(compile(block.text, f"{page.name}:{block.line}", "exec"), names)
            continue
        for command in commands(page, block):
            if command.words == "echo $?":
                assert command.shown == (str(last),), command.where
                continue
            assert command.words.startswith("sightline "), f"{command.where}: only sightline's own verbs are run here"
            last, output = call(command.words)
            check_output(command, output)
            expected_failure = "error:" in output and any(line.startswith("error:") for line in command.shown)
            assert last == 0 or expected_failure, f"{command.where}: exit code {last}\n{output}"


def test_the_readme_shows_every_step_of_the_road():
    words = [
        command.words for block in blocks(README) for command in commands(README, block) if block.language == "console"
    ]
    verbs = {line.split()[1] for line in words}
    assert {"check", "train", "resume", "evaluate", "predict", "export", "report"} <= verbs


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("accuracy  0.9926   95% interval 0.9815 to 1.0000", "accuracy  0.5000   95% interval 0.3 to 0.7"),
        ("my-picture.jpg,flower,0.930947", "my-picture.jpg,temple,0.5"),
        ("run runs/001-photos", "run runs/002-photos"),
        ("error: unknown setting …", "error: unknown setting 'train.epochz' (-s train.epochz=3)"),
    ],
)
def test_a_line_of_the_same_shape_is_accepted(shown: str, told: str):
    assert shape_of(shown).fullmatch(told)


def test_a_line_of_another_shape_is_not():
    assert not shape_of("accuracy  0.9926").fullmatch("precision 0.9926")
