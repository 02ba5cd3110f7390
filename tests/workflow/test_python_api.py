"""The six lines of Python that do the whole road."""

from pathlib import Path

import pytest
import torch

import sightline
from sightline.workflow.trained import device_here
from sightline.workflow.wishes import loaded_from
from small_training import settings, train_small


def test_six_lines_train_measure_predict_export_and_report(
    pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    trained = sightline.train(pictures, run=tmp_path / "run", settings=settings())
    figures = sightline.evaluate(trained.run.folder)
    answers = list(sightline.predict(trained.run.folder, [pictures / "ant"]))
    bundle = sightline.export_run(trained.run.folder)
    page = sightline.report(trained.run.folder)
    again = sightline.resume(trained.run.folder)

    assert again.weights_sha256 == trained.weights_sha256
    assert 0 <= figures["accuracy"]["value"] <= 1
    assert [answer.image_id for answer in answers][:2] == ["0.png", "1.png"]
    assert len(answers) == 20
    assert bundle.labels == ("ant", "bee", "cat")
    assert page.is_file()
    assert capfd.readouterr().out == ""


def test_a_run_trained_on_all_data_is_measured_and_exported_with_a_warning(
    pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    run = train_small(pictures, tmp_path / "run", data__val=0, data__test=0, train__evaluate=None).run.folder
    figures = sightline.evaluate(run, say=sightline.Say())
    assert (figures["part"], figures["n"]) == ("train", 58)
    assert "warning: the model was trained on these images" in capfd.readouterr().err
    card = (sightline.export_run(run).folder / "card.md").read_text()
    assert "Measured on 58 images of the train part. The model was trained on these images" in card
    assert "how it does on others is not known" in card and "test part" not in card


def test_settings_may_be_words_or_values(pictures: Path, tmp_path: Path):
    values = sightline.train(pictures, run=tmp_path / "values", settings=settings(seed=3))
    text = [f"{key}={value}" for key, value in settings(seed=3).items() if key != "model.options"]
    worded = sightline.train(
        pictures, run=tmp_path / "words", settings=[*text, "model.options={width: 4, norm: group}"]
    )
    assert worded.weights_sha256 == values.weights_sha256


@pytest.mark.parametrize("augment", ["auto", "standard", "light"])
def test_the_settings_that_a_run_wrote_make_the_same_run_again(augment: str, pictures: Path, tmp_path: Path):
    open_ones = dict.fromkeys(("data.workers", "train.precision", "train.layout", "train.threads"), "auto")
    first = sightline.train(pictures, run=tmp_path / "one", settings=settings(**open_ones, **{"data.augment": augment}))
    again = sightline.train(None, config=first.run.config, run=tmp_path / "two")
    assert again.weights_sha256 == first.weights_sha256
    assert not [why for why in again.run.info()["origins"].values() if why.startswith("auto")]


def test_paths_may_be_texts_and_texts_paths(pictures: Path, tmp_path: Path):
    run, text = tmp_path / "run", str(tmp_path / "run")
    sightline.train(pictures, run=text, settings=settings(train__steps=2))
    weights = {"model.weights": run, "train.layer_decay": 0.9}  # a path among the settings
    assert sightline.outline(text, settings={"train.layer_decay": 0.9}).root.name == "cnn"
    again = sightline.train(str(pictures), config=str(run / "config.yaml"), run=tmp_path / "two", settings=weights)
    assert sightline.resume(text).step == 2 and again.step == 2
    assert sightline.open_trained(text).checkpoint == sightline.open_trained(sightline.Run(text)).checkpoint
    assert sightline.evaluate(text, data=str(pictures))["part"] == "data-pictures"
    assert len(list(sightline.predict(text, pictures / "ant"))) == 20
    assert len(list(sightline.predict(run, [f"{pictures}/ant/0.png", pictures / "bee"]))) == 18
    folder = sightline.export_run(text, out=str(tmp_path / "bundle"), settings={"export.images": 20}).folder
    bundle = sightline.Bundle.load(str(folder))
    assert bundle.contract == sightline.Contract.load(str(run / "contract.json"))
    assert bundle.contract.read(f"{pictures}/ant/0.png").shape == (12, 12, 3)
    assert len(sightline.Predictions.load(str(run / "predictions" / "data-pictures.npz"))) == 58
    assert sightline.report(text) == run / "report.html"
    assert sightline.show_schedule(text, out=str(tmp_path / "schedule.png")).clock.total == 2


def test_settings_may_be_values_in_every_verb(pictures: Path, tmp_path: Path):
    listed = sightline.check(pictures, settings={"data.val": 0.2})
    assert listed == sightline.check(str(pictures), settings=("data.val=0.2",))
    done = sightline.split(pictures, out=str(tmp_path / "s.csv"), settings={"data.exclude": "", "seed": 1})
    assert list(done.files) == [tmp_path / "s.csv"]
    told = r"data.val cannot have this value \(settings\)\n  got: <object"
    with pytest.raises(sightline.SightlineError, match=told):
        sightline.train(pictures, settings={"data.val": object()})


def test_a_home_folder_is_meant_in_every_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    seen = loaded_from("~/d", None, {"model.weights": "~/w", "data.exclude": "near.csv"}).config
    assert (seen.data.path, seen.model.weights) == (f"{tmp_path}/d", f"{tmp_path}/w")
    assert seen.data.exclude == "near.csv"
    (tmp_path / "home.yaml").write_text("model:\n  weights: ~/w\n")
    assert loaded_from(None, tmp_path / "home.yaml", None).config.model.weights == f"{tmp_path}/w"


def test_a_run_of_another_machines_device_is_opened_on_one_that_is_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert device_here("cuda:1") == torch.device("cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [device_here(name).index for name in ("cuda", "cuda:1")] == [None, 1]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert [str(device_here(name)) for name in ("cuda", "cuda:1", "cpu")] == ["cuda", "cuda", "cpu"]


def test_a_data_set_is_checked_and_split(pictures: Path, tmp_path: Path):
    assert [finding.severity for finding in sightline.check(str(pictures))].count("error") == 0
    counts = sightline.split(str(pictures), out=tmp_path / "split.csv").counts
    assert {name: sum(parts.values()) for name, parts in counts.items()} == {"ant": 20, "bee": 17, "cat": 21}
