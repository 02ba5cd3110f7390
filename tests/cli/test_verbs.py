"""The verbs on a run of real digits: what they print, what they write, and that they tell one truth."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import Predictions, measure
from sightline.data.split import read_split
from sightline.evaluation.design import Design
from small_training import words

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_predict.py"
Command = Callable[..., Any]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def truth(run: Path, part: str) -> dict[str, str]:
    frozen = read_split(run / "split.csv")
    return {
        path: label for path, label, own in zip(frozen.paths, frozen.labels, frozen.parts, strict=True) if own == part
    }


@pytest.mark.usefixtures("curves_drawn")
def test_train_prints_the_run_and_its_fingerprint_and_what_comes_next(command: Command, noise: Path, tmp_path: Path):
    first = command("train", noise, "--run", tmp_path / "first", *words(train__steps=3))
    assert first.code == 0, first.err
    sha256 = json.loads((tmp_path / "first" / "run.json").read_text())["weights_sha256"]
    assert first.out == f"run {tmp_path / 'first'}\nweights_sha256 {sha256}\n"
    assert "finished after 3 steps" in first.err
    assert f"next: sightline evaluate {tmp_path / 'first'}" in first.err
    assert sorted(path.name for path in (tmp_path / "first" / "plots").iterdir()) == [
        "accuracy.png", "learning_rate.png", "loss.png"
    ]  # fmt: skip
    again = command("train", noise, "--run", tmp_path / "second", *words(train__steps=3))
    assert again.out.splitlines()[1] == first.out.splitlines()[1]
    resumed = command("resume", tmp_path / "first")
    assert (resumed.code, resumed.out) == (0, first.out)


def test_without_a_name_runs_are_numbered(
    command: Command, noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    printed = [command("train", noise, *words(train__steps=1)).out.splitlines()[0] for _ in range(2)]
    assert printed == ["run runs/001-noise", "run runs/002-noise"]


def test_evaluate_json_is_one_document_with_the_figures(command: Command, digits_run: Path):
    done = command("evaluate", digits_run, "--json")
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    figures = json.loads(done.out)
    assert set(figures["accuracy"]) == {"value", "low", "high"}
    assert figures["accuracy"]["low"] <= figures["accuracy"]["value"] <= figures["accuracy"]["high"]
    assert figures["n"] == len(truth(digits_run, "test")) > 250
    assert json.loads((digits_run / "predictions" / "test.json").read_text()) == figures


def test_the_figures_follow_from_the_stored_predictions_without_the_model(command: Command, digits_run: Path):
    figures = json.loads(command("evaluate", digits_run, "--part", "val", "--json").out)
    stored = Predictions.load(digits_run / "predictions" / "val.npz")
    trained = list(truth(digits_run, "train").values())
    counts = np.asarray([trained.count(name) for name in stored.classes])
    design = Design("classes", stored.labels)  # the split gave this part its share of every class
    again = measure(stored, resamples=100, confidence=0.95, seed=0, train_counts=counts, design=design)
    assert again == {key: figures[key] for key in again}


def test_evaluate_in_words_shows_the_headline_every_class_and_what_comes_next(command: Command, digits_run: Path):
    done = command("evaluate", digits_run)
    figures = json.loads((digits_run / "predictions" / "test.json").read_text())
    assert re.search(rf"^accuracy +{figures['accuracy']['value']:.4f}   95% interval", done.out)
    assert "always answering" in done.out
    for row in figures["per_class"]:
        told = ["–" if row[key] is None else f"{row[key]:.4f}" for key in ("precision", "recall")]
        assert re.search(rf"{row['class']} .*{told[0]}.*{told[1]}.*{row['support']}", done.out)
    assert f"next: sightline report {digits_run}, or sightline export {digits_run} --to onnx" in done.err


def test_one_truth_evaluate_pred_csv_and_the_example_program(
    command: Command, digits: Path, digits_run: Path, bundle: Path, tmp_path: Path
):
    evaluated = json.loads(command("evaluate", digits_run, "--json").out)
    labels = truth(digits_run, "test")
    out = tmp_path / "pred.csv"
    assert command("predict", digits_run, "--part", "test", "--out", out).code == 0
    predicted = {row["image_id"]: row["label"] for row in rows(out.read_text())}
    assert predicted.keys() == labels.keys()
    right = sum(predicted[path] == label for path, label in labels.items())
    assert right / len(labels) == evaluated["accuracy"]["value"]
    assert right < len(labels)

    table = tmp_path / "test.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["path"], *([str(digits / path)] for path in labels)])
    example = [sys.executable, str(EXAMPLE), str(bundle), str(table)]
    printed = subprocess.run(example, capture_output=True, text=True, check=True).stdout
    by_example = {row[0]: row[1] for row in csv.reader(io.StringIO(printed))}
    assert by_example == {str(digits / path): label for path, label in predicted.items()}
    document = json.loads((bundle / "bundle.json").read_text())
    assert document["labels"] == document["contract"]["classes"] == [str(digit) for digit in range(10)]
    assert document["metrics"]["accuracy"] == evaluated["accuracy"]


def test_report_is_one_page(command: Command, digits_run: Path):
    command("evaluate", digits_run)
    done = command("report", digits_run)
    assert (done.code, done.out) == (0, f"report {digits_run / 'report.html'}\n")
    page = (digits_run / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_export_into_another_folder_and_with_a_budget_that_cannot_be_met(
    command: Command, digits_run: Path, tmp_path: Path
):
    done = command("export", digits_run, "--out", tmp_path / "bundle", "-s", "train.lr=1")
    assert done.code == 2
    assert "only settings of the export can be changed here: train.lr=1" in done.err
    done = command("export", digits_run, "--out", tmp_path / "bundle", "-s", "export.tolerance=1e-12")
    assert done.code == 1
    assert "error: " in done.err
    assert not (tmp_path / "bundle").exists()


def test_check_json_is_one_document(command: Command, noise: Path, tmp_path: Path):
    done = command("check", noise, "--json")
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    assert isinstance(json.loads(done.out)["findings"], list)
    bad = tmp_path / "bad"
    shutil.copytree(noise, bad)
    (bad / "ant" / "zero.png").touch()
    done = command("check", bad, "--json")
    assert done.code == 1
    [finding] = [one for one in json.loads(done.out)["findings"] if one["severity"] == "error"]
    assert {"rule", "severity", "message", "paths", "remedy"} <= set(finding)
    assert finding["paths"] == ["ant/zero.png"]
    assert command("check", bad).code == 1


def test_a_frozen_split_is_what_is_trained_on(command: Command, noise: Path, tmp_path: Path):
    out = tmp_path / "split.csv"
    done = command("split", noise, "-s", "data.val=0.2", "-s", "seed=3", "--out", out)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"split {out}"
    assert f"next: sightline train {out} -s data.root={noise}" in done.err
    run = tmp_path / "run"
    trained = command("train", out, "--run", run, *words(**{"data.root": str(noise), "train.steps": 2}))
    assert trained.code == 0, trained.err
    given, used = read_split(out), read_split(run / "split.csv")
    assert dict(zip(given.paths, given.parts, strict=True)) == dict(zip(used.paths, used.parts, strict=True))
    again = tmp_path / "again.csv"
    command("split", noise, "-s", "data.val=0.2", "-s", "seed=3", "--out", again)
    assert again.read_bytes() == out.read_bytes()
