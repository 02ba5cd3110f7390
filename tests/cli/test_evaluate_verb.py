"""What ``sightline evaluate`` prints and leaves behind, beyond the headline."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from small_targets import write_lights, write_shapes
from small_training import train_small

Command = Callable[..., Any]


def test_the_headline_comes_first_then_calibration_and_the_table(command: Command, digits_run: Path):
    done = command("evaluate", digits_run)
    assert done.code == 0
    names = [line.split("  ")[0] for line in done.out.splitlines()]
    wanted = ["accuracy", "balanced accuracy", "macro F1", "top-5 accuracy", "mean ROC AUC", "mean AP", "MCC", "kappa",
              "log loss", "Brier score", "baseline", "ECE", "AURC", "images"]  # fmt: skip
    assert list(dict.fromkeys(name for name in names if name in wanted)) == wanted
    for name in wanted[:10]:
        [line] = [line for line in done.out.splitlines() if line.startswith(f"{name}  ")]
        assert re.search(r"\d\.\d{4}   95% interval \d\.\d{4} to \d\.\d{4}", line)
    assert "plots: " in done.err and "(reliability, roc, pr, abstention, confusion)" in done.err


def test_pictures_and_a_flat_table_are_left(command: Command, digits_run: Path):
    command("evaluate", digits_run, "--part", "val")
    pictures = {path.name for path in (digits_run / "plots").glob("val-*.png")}
    assert pictures == {f"val-{name}.png" for name in ("reliability", "roc", "pr", "abstention", "confusion")}
    assert (digits_run / "predictions" / "val.csv").read_text().count("\n") > 100


def test_json_is_what_the_run_holds(command: Command, digits_run: Path):
    found = json.loads(command("evaluate", digits_run, "--json").out)
    assert found == json.loads((digits_run / "predictions" / "test.json").read_text())
    assert {"calibration", "thresholds", "abstention", "groups", "slices", "per_class", "top_k"} <= set(found)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, noise: Path) -> Path:
    folder = tmp_path_factory.mktemp("sites")
    images = sorted(noise.glob("*/*.png"))
    rows = [f"{image},{image.parent.name},{'rome [north]' if place % 2 else ''}" for place, image in enumerate(images)]
    (folder / "sites.csv").write_text("\n".join(["path,label,site", *rows]) + "\n")
    train_small(folder / "sites.csv", folder / "run", **{"train.steps": 4, "data.test": 0.5})
    return folder / "run"


def test_groups_are_told_apart_by_a_column_that_is_named(command: Command, sites: Path):
    done = command("evaluate", sites, "--by", "site")
    assert done.code == 0 and "gap to rest" in done.out
    assert "rome [north]" in done.out and "(empty)" in done.out
    missing = command("evaluate", sites, "--by", "town")
    assert missing.code == 1
    assert "has no column 'town'" in missing.err


@pytest.mark.parametrize(
    ("write", "task", "lines"),
    [
        (write_shapes, {"task.name": "multilabel"}, ("mean MCC", "ECE")),
        (write_lights, {"task.name": "regression", "data.targets": ["width"]}, ("bias", "baseline")),
    ],
)
def test_labels_and_numbers_are_shown(command: Command, tmp_path: Path, write, task: dict, lines: tuple[str, ...]):
    train_small(write(tmp_path), tmp_path / "run", **task, **{"train.steps": 4})
    done = command("evaluate", tmp_path / "run")
    assert done.code == 0
    for line in lines:
        assert f"\n{line}  " in f"\n{done.out}"
