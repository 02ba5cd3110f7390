"""Cross-validation: a run a fold, gone on with where it stood, measured out of fold."""

import json
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from ranks import Alone
from sightline import compare, find_errors, resume, train, train_folds
from sightline.data.split import read_split
from sightline.errors import ConfigError, RunError
from sightline.evaluation.design import Design
from sightline.evaluation.intervals import share_interval
from sightline.evaluation.predictions import Predictions
from sightline.run import Run
from sightline.workflow.folds import resume_folds
from sightline.workflow.split import split_data
from small_targets import write_lights
from small_training import apart, settings, timeless, weights_of, words

FOLDS = 3


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    folder = tmp_path_factory.mktemp("folds") / "folds"
    done = train_folds(pictures, folds=FOLDS, settings=settings(), run=folder)
    assert done.ended == "finished" and done.folder == folder and len(done.trained) == FOLDS
    return folder


def test_every_image_is_answered_by_the_run_that_was_not_trained_on_it(folds: Path, pictures: Path):
    whole = Predictions.load(Run(folds).predictions("out-of-fold"))
    assert sorted(whole.paths) == sorted(str(path.relative_to(pictures)) for path in pictures.glob("*/*.png"))
    start = 0
    for number in range(FOLDS):
        split = read_split(Run(folds / f"fold{number}").split)
        parts = dict(zip(split.paths, split.parts, strict=True))
        own = Predictions.load(Run(folds / f"fold{number}").predictions("test"))
        assert {parts[path] for path in own.paths} == {"test"}
        assert list(whole.paths)[start : start + len(own)] == list(own.paths)
        np.testing.assert_array_equal(whole.logits[start : start + len(own)], own.logits / np.float32(own.temperature))
        start += len(own)
    assert start == len(whole) == 58


def test_the_report_holds_each_fold_and_all_together(folds: Path):
    report = json.loads((folds / "cross-validation.json").read_text())["report"]
    each = [Predictions.load(Run(folds / f"fold{number}").predictions("test")) for number in range(FOLDS)]
    accuracies = [float((one.predicted == one.labels).mean()) for one in each]
    assert [row["accuracy"] for row in report["folds"]] == pytest.approx(accuracies)
    assert report["mean"]["accuracy"] == pytest.approx(np.mean(accuracies))
    assert report["std"]["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    assert (report["low"]["accuracy"], report["high"]["accuracy"]) == pytest.approx((min(accuracies), max(accuracies)))
    pooled = report["pooled"]["accuracy"]
    assert pooled["value"] == pytest.approx(np.concatenate([one.predicted == one.labels for one in each]).mean())
    assert pooled["low"] <= pooled["value"] <= pooled["high"] and report["pooled"]["n"] == 58
    assert json.loads(Run(folds).figures("out-of-fold").read_text()) == report["pooled"]


def test_a_fold_is_the_run_that_its_file_alone_would_give(folds: Path, pictures: Path, tmp_path: Path):
    split_data(pictures, out=tmp_path / "split.csv", folds=FOLDS)
    for number in range(FOLDS):
        mine, theirs = folds / f"split.fold{number}.csv", tmp_path / f"split.fold{number}.csv"
        assert mine.read_bytes() == theirs.read_bytes()
    own = settings() | {"data.root": str(pictures)}
    alone = train(tmp_path / "split.fold1.csv", settings=own, run=tmp_path / "alone")
    assert alone.weights_sha256 == Run(folds / "fold1").info()["weights_sha256"]
    again = train_folds(tmp_path / "split.csv", folds=FOLDS, settings=own, run=tmp_path / "again")
    assert again.report == json.loads((folds / "cross-validation.json").read_text())["report"]


COUNTING = '''
"""Cross entropy that asks for the end in a step that is counted over all folds."""

import os
import signal

from torch.nn import functional

done = 0


def loss(config):
    def each(logits, targets):
        global done
        done += logits.requires_grad
        if done == int(os.environ.get("SIGHTLINE_TEST_AT", "0")):
            signal.raise_signal(signal.SIGTERM)
        return functional.cross_entropy(logits, targets, reduction="none", label_smoothing=config.label_smoothing)

    return each
'''


def test_it_goes_on_with_the_fold_that_was_interrupted_as_if_it_had_not_been(
    folds: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGHTLINE_TEST_AT", "20")  # in the middle of the second fold of 14 steps
    (tmp_path / "counting.py").write_text(COUNTING)
    own = settings(**{"train.loss.name": "counting:loss"})
    done = train_folds(pictures, folds=FOLDS, settings=own, run=tmp_path / "folds")
    assert done.report is None and done.ended == "SIGTERM" and len(done.trained) == 2
    assert Run(tmp_path / "folds" / "fold2").info()["state"] == "created"
    with pytest.raises(RunError, match=r"not all folds of .* are trained"):
        find_errors(tmp_path / "folds")
    monkeypatch.delenv("SIGHTLINE_TEST_AT")
    done = resume_folds(tmp_path / "folds")
    assert len(done.trained) == 2 and done.report == json.loads((folds / "cross-validation.json").read_text())["report"]
    for number in range(FOLDS):
        name = f"fold{number}"
        mine, theirs = weights_of(tmp_path / "folds" / name), weights_of(folds / name)
        assert all((mine[key] == theirs[key]).all() for key in theirs)
        assert timeless(tmp_path / "folds" / name) == timeless(folds / name)


def test_it_goes_on_after_a_kill_in_the_middle_of_a_fold_bit_for_bit(
    folds: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counting.py").write_text(COUNTING.replace("raise_signal(signal.SIGTERM)", "raise_signal(9)"))
    own = words(**{"train.loss.name": "counting:loss"})
    process = Alone("train", str(pictures), "--folds", str(FOLDS), "--run", "folds", *own, SIGHTLINE_TEST_AT="20")
    assert process.end() == -signal.SIGKILL
    states = [Run(f"folds/fold{number}").info()["state"] for number in range(FOLDS)]
    assert states == ["done", "prepared", "created"]
    monkeypatch.setenv("SIGHTLINE_TEST_AT", "-1")
    done = resume_folds("folds")
    assert len(done.trained) == 2 and done.report == json.loads((folds / "cross-validation.json").read_text())["report"]
    for number in range(FOLDS):
        assert apart(tmp_path / "folds" / f"fold{number}", folds / f"fold{number}") == 0.0
        assert timeless(tmp_path / "folds" / f"fold{number}") == timeless(folds / f"fold{number}")


def test_answers_of_a_fold_that_was_trained_again_are_not_told_as_its_own(folds: Path, tmp_path: Path):
    again = Path(shutil.copytree(folds, tmp_path / "folds"))
    assert find_errors(again)["n"] == 58
    Run(again / "fold1").note(best_weights_sha256="another")
    with pytest.raises(RunError, match=rf"was trained again since\n  next: sightline resume {re.escape(str(again))}"):
        find_errors(again)


def test_one_that_is_done_is_measured_and_not_trained_again(folds: Path):
    before = [Run(folds / f"fold{number}").info()["finished"] for number in range(FOLDS)]
    done = resume_folds(folds)
    assert not done.trained and done.ended == "finished"
    assert [Run(folds / f"fold{number}").info()["finished"] for number in range(FOLDS)] == before


def test_what_keeps_it_from_training_leaves_nothing_behind(pictures: Path, tmp_path: Path, folds: Path):
    faults = {
        r"there are at least two folds": {"folds": 1},
        r"data.test has no effect: the folds are the test parts": {"settings": settings(data__test=0.2)},
        r"unknown setting 'train.stepz'": {"settings": settings(train__stepz=3)},
        r"(?s)unknown model 'cnnn'": {"settings": settings(model__name="cnnn")},
    }
    for message, changes in faults.items():
        with pytest.raises(Exception, match=message):
            train_folds(pictures, **({"folds": 2, "settings": settings(), "run": tmp_path / "new"} | changes))
        assert not list(tmp_path.iterdir()), message
    with pytest.raises(RunError, match=rf"is not empty\n  next: sightline resume {re.escape(str(folds))}"):
        train_folds(pictures, folds=2, settings=settings(), run=folds)
    with pytest.raises(RunError, match="holds no cross-validation"):
        resume_folds(pictures)
    with pytest.raises(RunError, match=r"holds a run for each fold\n  next: give one of them"):
        resume(folds)


def test_fold_files_that_do_not_fit_are_refused(pictures: Path, tmp_path: Path):
    split_data(pictures, out=tmp_path / "split.csv", folds=2)
    own = settings() | {"data.root": str(pictures)}
    with pytest.raises(ConfigError, match=r"there are not 3 folds(.|\n)*add --folds 2"):
        train_folds(tmp_path / "split.csv", folds=3, settings=own, run=tmp_path / "folds")


def test_numbers_are_pooled_in_their_units(tmp_path: Path):
    table = write_lights(tmp_path)
    own = settings(**{"task.name": "regression", "data.targets": ["brightness", "width"], "train.steps": 20})
    done = train_folds(table, folds=2, settings=own, run=tmp_path / "folds")
    whole = Predictions.load(Run(tmp_path / "folds").predictions("out-of-fold"))
    assert done.report is not None and len(whole) == 60
    assert done.report["pooled"]["mae"]["value"] == pytest.approx(np.abs(whole.logits - whole.targets).mean(), rel=1e-6)
    errors = find_errors(tmp_path / "folds", out=tmp_path / "errors.csv")
    assert errors["least_sure"] == {"absent": "numbers come without a probability"} and errors["n"] == 60


def test_groups_are_drawn_together_in_the_pooled_figures_too(pictures: Path, tmp_path: Path):
    images = sorted(pictures.glob("*/*.png"))
    rows = [f"{image},{image.parent.name},p{place // 2}" for place, image in enumerate(images)]
    (tmp_path / "patients.csv").write_text("\n".join(["path,label,group", *rows]) + "\n")
    own = settings(**{"train.steps": 2, "train.evaluate": "2st"})
    done = train_folds(tmp_path / "patients.csv", folds=2, settings=own, run=tmp_path / "folds")
    whole = Predictions.load(Run(tmp_path / "folds").predictions("out-of-fold"))
    patient = {str(image): place // 2 for place, image in enumerate(images)}
    known: dict[int, int] = {}
    codes = np.asarray([known.setdefault(patient[str(tmp_path / path)], len(known)) for path in whole.paths])
    right = (whole.predicted == whole.labels).astype(float)
    assert done.report is not None and done.report["pooled"]["drawn"] == "groups"
    design = Design("groups", codes)
    drawn = np.concatenate([one @ right / one.sum(axis=1) for one in design.weights(58, 100, 0)])
    wanted = share_interval(right.mean(), drawn, confidence=0.95, freedom=design.freedom(58), alone=design.units(58))
    assert done.report["pooled"]["accuracy"] == pytest.approx(wanted, rel=1e-12)


def test_the_worst_images_of_all_folds_are_listed(folds: Path):
    lists = find_errors(folds, most=5)
    assert lists["part"] == "out-of-fold" and lists["n"] == 58 and len(lists["worst"]["images"]) == 5
    with pytest.raises(ConfigError, match="a cross-validation has no parts"):
        find_errors(folds, part="test")


def test_two_recipes_are_compared_out_of_fold(folds: Path, pictures: Path, tmp_path: Path):
    train_folds(pictures, folds=FOLDS, settings=settings(train__steps=3), run=tmp_path / "short")
    found = compare([folds, tmp_path / "short"])
    assert found["n"] == 58 and found["part"] == "out-of-fold" and "costs" not in found["runs"][0]
    report = json.loads((folds / "cross-validation.json").read_text())["report"]
    assert found["runs"][0]["figures"]["accuracy"]["value"] == pytest.approx(report["pooled"]["accuracy"]["value"])
    with pytest.raises(RunError, match="cannot be compared with a cross-validation"):
        compare([folds, folds / "fold0"])
    with pytest.raises(ConfigError, match="has no parts"):
        compare([folds, tmp_path / "short"], part="test")
