"""Labels and numbers through every verb, as a user gives them."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import jaccard_score, mean_absolute_error, r2_score

from ranks import Alone
from sightline.export.bundle import Bundle
from sightline.run import Run
from small_targets import write_lights, write_shapes
from small_training import words

Command = Callable[..., Any]
EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_predict.py"
LEARN = {
    "train__steps": 60,
    "train__evaluate": "10st",
    "train__save": "10st",
    "train__lr": 0.01,
    "data__image_size": 12,
}
SHAPES = {"task__name": "multilabel", "task__threshold": 0.4}
LIGHTS = {"task__name": "regression", "data__targets": ["brightness", "width"], "task__units": {"brightness": "lux"}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("targets")
    write_shapes(folder)
    write_lights(folder)
    return folder


@pytest.fixture(scope="module")
def runs(data: Path) -> Path:
    """``RUNS/shapes`` and ``RUNS/lights``, trained by the command line in processes of their own."""
    for name, own in (("shapes", SHAPES), ("lights", LIGHTS)):
        verb = ["train", f"{data / name}.csv", "--run", str(data / "runs" / name), *words(**LEARN, **own)]
        done = Alone(*verb)
        assert done.end() == 0, done.told()
    return data / "runs"


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(newline="")))


def part_of(run: Path, part: str) -> list[dict[str, str]]:
    return [row for row in rows(run / "split.csv") if row["part"] == part]


def test_labels_are_learnt_measured_and_told(runs: Path, command: Command):
    run = runs / "shapes"
    done = command("evaluate", run)
    assert done.code == 0 and "mean AP" in done.out and "Hamming loss" in done.out
    figures = json.loads((run / "predictions" / "test.json").read_text())
    assert figures["jaccard"]["value"] > figures["baseline"]["jaccard"]["value"] + 0.2
    assert figures["threshold"] == 0.4
    answers = csv.DictReader(io.StringIO(command("predict", run, "--part", "test").out))
    said = {row["image_id"]: row for row in answers}
    truth = part_of(run, "test")
    names = Run(run).read_figures("test")["classes"]
    true = np.asarray([[name in row["label"].split("|") for name in names] for row in truth])
    given = np.asarray([[name in said[row["path"]]["labels"].split("|") for name in names] for row in truth])
    assert figures["jaccard"]["value"] == pytest.approx(
        jaccard_score(true, given, average="samples", zero_division=1.0), abs=1e-9
    )
    likely = np.asarray([[float(said[row["path"]][name]) for name in names] for row in truth])
    assert (given == (likely >= 0.4)).all()


def test_numbers_are_learnt_measured_and_told_in_their_units(runs: Path, command: Command):
    run = runs / "lights"
    done = command("evaluate", run, "--json")
    figures = json.loads(done.out)
    assert figures["r2"]["value"] > 0.7
    assert figures["mae"]["value"] < figures["baseline"]["mae"]["value"] / 2
    told = csv.DictReader(io.StringIO(command("predict", run, "--part", "test").out))
    assert told.fieldnames == ["image_id", "brightness (lux)", "width"]
    said = {row["image_id"]: [float(row["brightness (lux)"]), float(row["width"])] for row in told}
    truth = part_of(run, "test")
    true = np.asarray([[float(row["brightness"]), float(row["width"])] for row in truth])
    values = np.asarray([said[row["path"]] for row in truth])
    assert figures["mae"]["value"] == pytest.approx(mean_absolute_error(true, values), abs=1e-4)
    assert figures["r2"]["value"] == pytest.approx(r2_score(true, values), abs=1e-5)
    assert figures["per_target"][0]["unit"] == "lux"


def test_the_best_weights_are_those_with_the_least_error(runs: Path):
    for name, figure, best in (("lights", "val_mae", min), ("shapes", "val_jaccard", max)):
        records = [one for one in Run(runs / name).read_records() if one["kind"] == "eval"]
        kept = [one[figure] for one in records if one["best"]][-1]
        assert kept == best(one[figure] for one in records)


def test_answers_in_json_and_on_a_picture(runs: Path, data: Path, command: Command, tmp_path: Path):
    picture = data / "shapes" / "1.png"
    done = command("predict", runs / "shapes", picture, "--json", "--grid", tmp_path / "labels.png")
    [answer] = json.loads(done.out)
    assert answer.keys() == {"image_id", "labels", "probabilities", "error"}
    assert answer["labels"] == [name for name, value in answer["probabilities"].items() if value >= 0.4]
    picture = data / "lights" / "1.png"
    done = command("predict", runs / "lights", picture, "--json", "--grid", tmp_path / "numbers.png")
    [answer] = json.loads(done.out)
    assert answer["values"].keys() == {"brightness", "width"} and answer["units"] == {"brightness": "lux"}
    assert {path.name for path in tmp_path.glob("*.png")} == {"labels.png", "numbers.png"}
    (tmp_path / "broken.png").write_text("no picture")
    done = command("predict", runs / "lights", tmp_path / "broken.png", picture, "--out", tmp_path / "out.csv")
    assert done.code == 2 and len(rows(tmp_path / "out.csv")) == 1 and len(rows(tmp_path / "out.errors.csv")) == 1


@pytest.mark.parametrize("name", ["shapes", "lights"])
def test_the_bundle_answers_as_the_run_does(name: str, runs: Path, data: Path, command: Command, tmp_path: Path):
    done = command("export", runs / name, "--out", tmp_path / "bundle")
    assert done.code == 0 and "gate passed on" in done.err
    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.document["task"] == {"shapes": "multilabel", "lights": "regression"}[name]
    pictures = [data / name / f"{number}.png" for number in range(5)]
    found = bundle.predict(np.stack([bundle.contract.read(path) for path in pictures]))
    told = list(csv.reader(io.StringIO(command("predict", runs / name, *pictures).out)))[1:]
    numbers = np.asarray([row[1:] if name == "lights" else row[2:] for row in told], float)
    np.testing.assert_allclose(found, numbers, rtol=1e-5, atol=2e-6)
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path / "bundle"), *map(str, pictures)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    other = list(csv.reader(io.StringIO(done.stdout)))
    if name == "shapes":
        assert [row[1] for row in other] == [row[1] for row in told]
    else:
        np.testing.assert_allclose(np.asarray([row[1:] for row in other], float), numbers, rtol=1e-5)
    card = (tmp_path / "bundle" / "card.md").read_text()
    assert ("brightness in lux" in card) == (name == "lights") and "Always answering" in card


def test_the_report_shows_what_belongs_to_the_task(runs: Path, command: Command):
    for name, wanted in (
        ("shapes", ("have every label right", "Label by label", "ROC AUC", "Jaccard index")),
        ("lights", ("the model is off by", "said minus true", "Number by number", "Mean absolute error", "lux")),
    ):
        command("evaluate", runs / name)
        assert command("report", runs / name).code == 0
        page = (runs / name / "report.html").read_text()
        assert all(words in page for words in wanted), [words for words in wanted if words not in page]
        assert "Accuracy" not in page
        assert page.count("data:image/") > 0


@pytest.mark.parametrize("name", ["shapes", "lights"])
def test_other_data_is_told_by_name(name: str, runs: Path, data: Path, command: Command, tmp_path: Path):
    done = command("evaluate", runs / name, "--data", data / f"{name}.csv", "--json")
    assert json.loads(done.out)["n"] == 60
    table = tmp_path / "few.csv"
    few = rows(data / f"{name}.csv")[:9]
    with table.open("w", newline="") as file:
        out = csv.writer(file)
        if name == "shapes":
            out.writerow(("path", "label"))
            out.writerows((data / row["path"], "yellow|blue") for row in few)
        else:
            out.writerow(("path", "brightness"))
            out.writerows((data / row["path"], row["brightness"]) for row in few)
    done = command("evaluate", runs / name, "--data", table)
    told = {"shapes": "labels that the model does not know", "lights": "few.csv has no column 'width'"}[name]
    assert done.code != 0 and told in done.err


def test_a_split_can_be_frozen_and_trained_on(data: Path, command: Command, tmp_path: Path):
    for name, own in (("shapes", SHAPES), ("lights", LIGHTS)):
        given = [word for word in words(**own) if word.startswith(("task.name", "data.targets"))]
        out = tmp_path / f"{name}.csv"
        sets = [word for one in given for word in ("-s", one)]
        done = command("split", data / f"{name}.csv", *sets, "--out", out)
        assert done.code == 0, done.err
        verb = words(train__steps=2, **own)
        done = command("train", out, "-s", f"data.root={data}", "--run", tmp_path / name, *verb)
        assert done.code == 0, done.err
        parts = {row["path"]: row["part"] for row in rows(out)}
        assert parts == {row["path"]: row["part"] for row in rows(tmp_path / name / "split.csv")}


def test_what_has_no_meaning_is_said_in_a_line(runs: Path, data: Path, command: Command, tmp_path: Path):
    shapes, lights = data / "shapes.csv", data / "lights.csv"
    task = ["-s", "task.name=regression", "-s", "data.targets=[brightness]"]
    for verb, told in (
        (["check", lights, "--run", runs / "lights", *task], "labels are doubted where an image has one class"),
        (["pack", lights, "--to", "lmdb", "--out", tmp_path / "x", *task], "lmdb holds one class an image"),
        (["train", data / "shapes", "-s", "task.name=multilabel"], "the multilabel task needs labels"),
        (["train", shapes, *task], "has no column 'brightness'"),
        (["train", shapes, "-s", "task.name=regression"], "no number: "),
        (["train", lights, *task, "-s", "train.loss.name=cross_entropy"], "'cross_entropy' is a loss of one class"),
        (["train", lights, *task, "-s", "data.sampler=classes"], "=classes cannot be had with regression"),
        (["train", lights, *task, "-s", "task.units={lux: m}"], "no number is called 'lux'"),
        (["train", lights, "-s", "data.targets=[brightness]"], "data.targets has no effect"),
        (["train", shapes, "-s", "task.threshold=0.3"], "task.threshold has no effect"),
    ):
        done = command(*verb)
        assert done.code != 0 and told in done.err, (verb, done.err)


@pytest.mark.parametrize("name", ["shapes", "lights"])
def test_checking_and_looking_at_the_data(name: str, data: Path, command: Command, tmp_path: Path):
    own = {"shapes": SHAPES, "lights": LIGHTS}[name]
    given = [word for word in words(**own) if word.startswith(("task.name", "data.targets"))]
    sets = [word for one in given for word in ("-s", one)]
    done = command("check", data / f"{name}.csv", *sets, "--out", tmp_path / "check")
    assert done.code == 0, done.out + done.err
    assert ("with 3 labels" if name == "shapes" else "with brightness, width") in done.err
    done = command("augment", data / f"{name}.csv", *sets, "--out", tmp_path / "seen.png")
    assert done.code == 0, done.err
