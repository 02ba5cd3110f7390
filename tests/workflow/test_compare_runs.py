"""Runs compared on the same images, by the checksums in their splits."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sightline import compare, evaluate, resume
from sightline.errors import ConfigError, DataError, RunError
from sightline.evaluation.predictions import Predictions
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.workflow.compare import compare_runs
from sightline.workflow.report import report_run
from sightline.workflow.trained import best_weights
from small_targets import write_lights, write_shapes
from small_training import train_small, write_pictures


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("compared")
    for name, lr in {"slow": 1e-3, "fast": 1e-2}.items():
        train_small(pictures, folder / name, **{"train.lr": lr})
    return [folder / name for name in ("slow", "fast")]


def test_runs_of_one_split_are_compared(runs: list[Path], tmp_path: Path):
    found = compare(runs, changes=tmp_path / "changes.csv", costs=False)
    assert [row["run"] for row in found["runs"]] == list(map(str, runs))
    assert found["part"] == "test" and set(found["left_out"].values()) == {0}
    for run, row in zip(runs, found["runs"], strict=True):
        figures = Run(run).read_figures("test")
        assert figures is not None and row["weights_sha256"] == figures["weights_sha256"]
        assert row["figures"]["accuracy"]["value"] == figures["accuracy"]["value"]
        assert row["figures"]["log_loss"]["value"] == pytest.approx(figures["log_loss"], rel=1e-12)
    test = found["pairs"][0]["test"]
    with (tmp_path / "changes.csv").open() as file:
        changes = [row["change"] for row in csv.DictReader(file)]
    assert len(changes) == test["right_to_wrong"] + test["wrong_to_right"] + test["other_wrong_answer"]
    assert changes.count("right->wrong") == test["right_to_wrong"]
    assert json.loads(json.dumps(found)) == found


def test_costs_are_counted_and_timed(runs: list[Path]):
    costs = [row["costs"] for row in compare(runs)["runs"]]
    for run, cost in zip(runs, costs, strict=True):
        assert cost["parameters"] == Run(run).info()["parameters"] and cost["weights_bytes"] == 4 * cost["parameters"]
        steps = [record["seconds"] for record in Run(run).read_records() if record["kind"] == "step"]
        assert cost["training_seconds"] == pytest.approx(sum(steps))
        assert 0 < cost["latency_ms"]["p50"] <= cost["latency_ms"]["p95"] and cost["latency_ms"]["passes"] >= 3
        assert (cost["joules_per_image"] is None) == bool(cost.get("joules_absent"))
    assert costs[0]["multiply_adds"] == costs[1]["multiply_adds"] > costs[0]["parameters"]


def test_predictions_of_other_weights_are_measured_again(runs: list[Path], tmp_path: Path):
    run = shutil.copytree(runs[0], tmp_path / "run")
    checkpoints = Checkpoints(Run(run).checkpoints)
    other = next(one.file for one in checkpoints.entries() if one.file != checkpoints.names("best"))
    evaluate(run, checkpoint=other)
    measured = Predictions.load(Run(run).predictions("test")).weights_sha256
    assert measured != Run(run).info()["best_weights_sha256"]
    found = compare([runs[1], run], costs=False)
    assert found["runs"][1]["weights_sha256"] == Run(run).info()["best_weights_sha256"]


def test_a_kill_leaves_no_figures_beside_predictions_of_other_weights(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = Run(shutil.copytree(runs[0], tmp_path / "run"))
    evaluate(run.folder)
    checkpoints = Checkpoints(run.checkpoints)
    other = next(one.file for one in checkpoints.entries() if one.file != checkpoints.names("best"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("figures_of", "write_json", "write_flat"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(f"sightline.workflow.evaluate.{place}", killed)
            evaluate(run.folder, checkpoint=other)
        figures = run.read_figures("test")
        stored = Predictions.load(run.predictions("test")).weights_sha256
        assert figures is None or figures["weights_sha256"] == stored, place
    assert not run.figures("test").with_suffix(".csv").exists()


def test_predictions_from_before_a_killed_training_are_not_those_of_the_run(
    runs: list[Path], pictures: Path, tmp_path: Path, disturbed: Callable[[str], None]
):
    disturbed("5 SIGTERM")
    own = {"train.loss.name": "disturbed:loss", "train.lr": 1e-2}
    train_small(pictures, tmp_path / "run", **own)
    before = evaluate(tmp_path / "run")
    disturbed(f"0 copy {tmp_path / 'run'} {tmp_path / 'kills'}")
    resume(tmp_path / "run")
    killed = next(
        copy for copy in sorted((tmp_path / "kills").iterdir(), key=lambda path: int(path.name))
        if best_weights(Run(copy)) != before["weights_sha256"]
    )  # fmt: skip
    disturbed("")
    assert Run(killed).info()["best_weights_sha256"] is None
    found = compare([runs[1], killed], costs=False)
    assert found["runs"][1]["weights_sha256"] == best_weights(Run(killed)) != before["weights_sha256"]
    (killed / "predictions" / "test.json").write_bytes((tmp_path / "run" / "predictions" / "test.json").read_bytes())
    assert "measured on other weights than the run holds now" in report_run(killed).read_text()


def test_other_images_are_refused_or_left_out_where_asked(runs: list[Path], pictures: Path, tmp_path: Path):
    train_small(pictures, tmp_path / "other", **{"seed": 1, "train.steps": 1})
    with pytest.raises(
        DataError, match=r"(?s)not measured on the same images.*images in common, \d+ only in the first"
    ):
        compare([runs[0], tmp_path / "other"], costs=False)
    found = compare([runs[0], tmp_path / "other"], common=True, costs=False)
    own = [set(Predictions.load(Run(run).predictions("test")).paths) for run in (runs[0], tmp_path / "other")]
    assert found["n"] == len(own[0] & own[1]) > 0
    assert list(found["left_out"].values()) == [len(one) - found["n"] for one in own]


def test_files_of_one_name_with_other_contents_are_other_images(runs: list[Path], tmp_path: Path):
    run = shutil.copytree(runs[0], tmp_path / "run")
    lines = Run(run).split.read_text().splitlines()
    tests = [place for place, line in enumerate(lines) if ",test," in line]
    lines[tests[0]] = lines[tests[0]].rpartition(",")[0] + "," + "0" * 64
    Run(run).split.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="1 of one name with other contents"):
        compare([runs[0], run], costs=False)


def test_what_is_no_comparison_is_refused(runs: list[Path], tmp_path: Path):
    with pytest.raises(RunError, match="each once"):
        compare([runs[0], runs[0]])
    with pytest.raises(RunError, match="is not a run"):
        compare([runs[0], tmp_path / "nothing"])
    with pytest.raises(ConfigError, match="unknown part 'tests'"):
        compare(runs, part="tests")
    with pytest.raises(ConfigError, match="a margin is a number above 0"):
        compare(runs, margin=-1)


@pytest.mark.parametrize(("write", "task"), [(write_shapes, "multilabel"), (write_lights, "regression")])
def test_labels_and_numbers_are_compared_too(write, task: str, tmp_path: Path):
    table = write(tmp_path)
    changes = {"task.name": task} | ({"data.targets": ["brightness", "width"]} if task == "regression" else {})
    for name, lr in {"slow": 1e-4, "fast": 1e-2}.items():
        train_small(table, tmp_path / name, **changes, **{"train.lr": lr, "train.steps": 30})
    found = compare([tmp_path / "slow", tmp_path / "fast"], costs=False, changes=tmp_path / "changes.csv")
    figures = Run(tmp_path / "fast").read_figures("test")
    key = {"multilabel": "jaccard", "regression": "mae"}[task]
    assert found["figure"] == key and figures is not None
    assert found["runs"][1]["figures"][key]["value"] == pytest.approx(figures[key]["value"], rel=1e-9)
    assert (tmp_path / "changes.csv").read_text().startswith("one,other,path,truth")


def test_runs_of_other_classes_are_refused(runs: list[Path], tmp_path: Path):
    data = write_pictures(tmp_path / "pictures")
    (data / "ant").rename(data / "wasp")
    train_small(data, tmp_path / "run", **{"train.steps": 1})
    with pytest.raises(DataError, match="answers another question"):
        compare_runs([runs[0], tmp_path / "run"], costs=False)
