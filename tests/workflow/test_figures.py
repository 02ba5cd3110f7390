"""What ``evaluate`` adds to the figures: temperature, groups, slices, own metrics, and how images are drawn again."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

import sightline
from sightline.errors import ConfigError, DataError
from sightline.evaluation.predictions import Predictions
from sightline.run import Run
from sightline.workflow.evaluate import evaluate_run
from sightline.workflow.say import Say
from small_training import train_small

TRAINING = {"evaluation.groups": ["site", "label"], "train.lr": 0.01, "train.steps": 20}


def write_table(pictures: Path, path: Path, **more: list[str]) -> Path:
    """A CSV over the pictures with a site, and more columns."""
    images = sorted(pictures.glob("*/*.png"))
    columns = {"Site": ["rome" if place % 3 else "oslo" for place in range(len(images))], **more}
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", *columns])
        rows.writerows(zip(images, [image.parent.name for image in images], *columns.values(), strict=True))
    return path


@pytest.fixture(scope="module")
def sites(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sites")
    train_small(write_table(pictures, folder / "sites.csv"), folder / "run", **TRAINING)
    return folder / "run"


@pytest.fixture(scope="module")
def figures(sites: Path) -> dict:
    return sightline.evaluate(sites)


def test_groups_of_the_table_are_measured(sites: Path, figures: dict):
    rows = figures["groups"]["rows"]
    assert [(row["column"], row["group"]) for row in rows] == [
        ("site", "oslo"), ("site", "rome"), ("label", "ant"), ("label", "bee"), ("label", "cat"),
    ]  # fmt: skip
    assert rows[0]["n"] + rows[1]["n"] == figures["n"]
    assert json.loads((sites / "predictions" / "test.json").read_text()) == json.loads(json.dumps(figures))
    assert (sites / "predictions" / "test.csv").read_text().startswith("part,section,name,figure,value,low,high,n\n")


def test_slices_know_the_classes_and_what_the_images_are_like(figures: dict):
    columns = {row["column"] for row in figures["slices"]["rows"]}
    assert {"class", "brightness", "contrast", "sharpness"} <= columns
    assert "shorter side" not in columns  # all are of one size


def test_classes_keep_their_sizes_where_the_split_made_the_part(figures: dict):
    assert figures["drawn"] == "classes"


def test_the_temperature_is_fitted_on_the_validation_part_only(sites: Path, figures: dict):
    entry = Run(sites).read_temperatures()[figures["weights_sha256"]]
    validation = [row for row in (sites / "split.csv").read_text().splitlines() if ",val," in row]
    assert entry["images"] == len(validation) and figures["calibration"]["fitted"] == entry
    before = (sites / "temperatures.json").stat().st_mtime_ns
    sightline.evaluate(sites, part="val")
    assert (sites / "temperatures.json").stat().st_mtime_ns == before


@pytest.fixture
def warm(sites: Path, figures: dict) -> dict:
    """The figures, with a temperature as a longer training would need it."""
    run = Run(sites)
    known = run.read_temperatures()
    known[figures["weights_sha256"]]["temperature"] = 2.5
    run.temperatures.write_text(json.dumps(known))
    return sightline.evaluate(sites)


def test_predictions_and_the_exported_file_answer_with_the_temperature(sites: Path, warm: dict, tmp_path: Path):
    stored = Predictions.load(sites / "predictions" / "test.npz")
    wanted = softmax(stored.logits.astype(np.float64) / 2.5, axis=1)
    assert stored.temperature == 2.5 and warm["calibration"]["temperature"] == 2.5
    answers = {answer.image_id: answer for answer in sightline.predict(sites, part="test")}
    for row, path in enumerate(stored.paths):
        assert answers[path].confidence == pytest.approx(wanted[row].max(), abs=1e-9)
        assert answers[path].label == stored.classes[stored.predicted[row]]
    bundle = sightline.export_run(sites, out=tmp_path / "bundle", settings={"export.images": 5})
    images = [bundle.contract.read(Path(stored.source) / path) for path in stored.paths]
    np.testing.assert_allclose(bundle.predict(np.stack(images)), wanted, atol=1e-5)
    assert bundle.contract.temperature == 2.5 and bundle.document["contract"]["version"] == 3
    assert "divided by 2.5" in (bundle.folder / "card.md").read_text()
    assert "slices" not in bundle.document["metrics"] and "calibration" in bundle.document["metrics"]


def test_a_temperature_that_is_not_needed_is_said_to_stay(
    sites: Path, figures: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run = Run(shutil.copytree(sites, tmp_path / "own"))
    run.temperatures.unlink()
    evaluate_run(run.folder, say=Say())
    entry = run.read_temperatures()[figures["weights_sha256"]]
    told = "stays 1" if entry["temperature"] == 1.0 else f"is {entry['temperature']:.3g}"
    assert f"it {told}: {entry['why']}" in capsys.readouterr().err
    evaluate_run(run.folder, say=Say())
    assert "fitting the temperature" not in capsys.readouterr().err


def test_softmax_as_it_is_where_that_is_asked_for(pictures: Path, tmp_path: Path):
    train_small(pictures, tmp_path / "run", **{"evaluation.temperature": "none", "train.steps": 4})
    found = sightline.evaluate(tmp_path / "run")
    assert not (tmp_path / "run" / "temperatures.json").exists()
    assert found["calibration"]["temperature"] == 1.0 and found["calibration"]["fitted"] is None


def test_without_a_validation_part_the_temperature_stays(pictures: Path, tmp_path: Path):
    train_small(pictures, tmp_path / "run", **{"data.val": 0, "train.steps": 4, "train.evaluate": None})
    assert sightline.evaluate(tmp_path / "run")["calibration"]["temperature"] == 1.0
    assert not (tmp_path / "run" / "temperatures.json").exists()


def test_groups_that_were_kept_together_are_drawn_together(pictures: Path, tmp_path: Path):
    patients = [f"p{place // 2}" for place in range(58)]
    table = write_table(pictures, tmp_path / "patients.csv", group=patients)
    train_small(table, tmp_path / "run", **{"train.steps": 4})
    found = sightline.evaluate(tmp_path / "run")
    assert found["drawn"] == "groups"
    assert [own["test"]["name"] for own in found["baselines"]] == ["paired permutation test of whole groups"] * 2


def test_images_are_drawn_alone_where_the_data_gives_the_parts(pictures: Path, tmp_path: Path):
    parts = [("train", "val", "test")[place % 3] for place in range(58)]
    table = write_table(pictures, tmp_path / "parts.csv", split=parts)
    train_small(table, tmp_path / "run", **{"train.steps": 4})
    found = sightline.evaluate(tmp_path / "run", by=["split", "site"])
    assert found["drawn"] == "images"
    assert [row["group"] for row in found["groups"]["rows"]] == ["test", "rome"]


def test_a_column_that_is_not_there_is_told_before_the_training(pictures: Path, sites: Path, tmp_path: Path):
    table = write_table(pictures, tmp_path / "sites.csv")
    with pytest.raises(DataError, match=r"(?s)no column 'sites'.*did you mean 'site'") as told:
        train_small(table, tmp_path / "run", **{"evaluation.groups": ["sites"]})
    assert "evaluation.groups" in str(told.value)
    with pytest.raises(ConfigError, match=r"evaluation\.groups has no effect with the reader folders"):
        train_small(pictures, tmp_path / "other", **{"evaluation.groups": ["site"]})
    with pytest.raises(DataError, match="no column 'town'"):
        sightline.evaluate(sites, by=["town"])


def test_another_table_needs_no_columns_that_nobody_asks_for(pictures: Path, sites: Path, tmp_path: Path):
    table = write_table(pictures, tmp_path / "again.csv", town=["x"] * 29 + ["y"] * 29)
    assert sightline.evaluate(sites, data=table)["groups"]["rows"] == []
    rows = sightline.evaluate(sites, data=table, by=["town"])["groups"]["rows"]
    assert [row["n"] for row in rows] == [29, 29]


def test_a_metric_of_ones_own_is_measured_and_a_missing_one_told_before_the_training(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "my_share.py").write_text("def half(truth, outputs, weights):\n    return 0.5\n")
    monkeypatch.chdir(tmp_path)
    train_small(pictures, tmp_path / "run", **{"evaluation.metrics": ["my_share.py:half"], "train.steps": 4})
    assert sightline.evaluate(tmp_path / "run")["own"]["my_share.py:half"]["value"] == 0.5
    assert any(path.endswith("my_share.py") for path in Run(tmp_path / "run").info()["own_files"])
    with pytest.raises(sightline.SightlineError, match="no 'third'"):
        train_small(pictures, tmp_path / "other", **{"evaluation.metrics": ["my_share:third"]})
