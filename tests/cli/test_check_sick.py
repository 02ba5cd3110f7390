"""``check`` on a folder that has every sickness at once: each is told, by its rule, and nothing else is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sick_folder import write_sick_folder

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    root = tmp_path_factory.mktemp("sick") / "data"
    return root, write_sick_folder(root)


def test_every_sickness_is_told_and_nothing_else(
    command: Command, sick: tuple[Path, dict[str, set[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    root, expected = sick
    done = command("check", root, "-s", "data.max_pixels=300000")
    assert done.code == 1
    document = json.loads(Path("check/check.json").read_text())
    told: dict[str, set[str]] = {}
    for finding in document["findings"]:
        told.setdefault(finding["rule"], set()).update(finding["paths"])
    assert told == {rule: {path.replace("\n", "\\n") for path in paths} for rule, paths in expected.items()}
    page = Path("check/check.html").read_text()
    assert all(finding["message"].split(":")[0] in page for finding in document["findings"])
