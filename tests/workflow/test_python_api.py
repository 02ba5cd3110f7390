"""The six lines of Python that do the whole road."""

from pathlib import Path

import pytest

import sightline
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


def test_a_data_set_is_checked_and_split(pictures: Path, tmp_path: Path):
    assert [finding.severity for finding in sightline.check(str(pictures))].count("error") == 0
    counts = sightline.split(str(pictures), out=tmp_path / "split.csv").counts
    assert {name: sum(parts.values()) for name, parts in counts.items()} == {"ant": 20, "bee": 17, "cat": 21}
